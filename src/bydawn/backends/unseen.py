"""Runs that were looked at in vain: how often in a row, and what follows.

A service that is away is asked again, later and later; the run's own limits hold meanwhile. Where
looking again cannot help (a revoked key, an answer nobody can read) a person is told, and the run
stays watched: the first good look ends it. A run the service says it does not know has vanished
only after several looks over the settle delay.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from bydawn.core.clock import Clock
from bydawn.core.sightings import Alive, Sighting, Vanished

_LOOKS = 3
_LATER_MS = 2_000
_MOST_MS = 60_000


@dataclass(slots=True)
class _Vain:
    """Looks in vain, in a row."""

    why: str
    since: int
    count: int = 0


@dataclass(slots=True)
class Unseen:
    """Remembers, for one process, the last good look at each run and the vain ones since."""

    clock: Clock
    settle_ms: int
    _good: dict[str, Alive] = field(default_factory=dict)
    _vain: dict[str, _Vain] = field(default_factory=dict)

    def seen(self, handle: str, sighting: Sighting) -> Sighting:
        """A good look: nothing is held against the run any more."""
        self._vain.pop(handle, None)
        if isinstance(sighting, Alive):
            self._good[handle] = sighting
        else:
            self._good.pop(handle, None)
        return sighting

    def away(self, handle: str, why: str, retry_after_ms: int | None = None) -> Sighting:
        """The service did not answer, or asked for patience."""
        count = self._count(handle, "away")
        pause = max(retry_after_ms or 0, min(_LATER_MS * 2 ** min(count, 10), _MOST_MS))
        return replace(self._last(handle), raw=why, look_again_ms=pause)

    def useless(self, handle: str, why: str, at_once: bool = False) -> Sighting:
        """It answered, and looking again is not likely to help."""
        count = self._count(handle, "useless")
        asks = why if at_once or count >= _LOOKS else None
        return replace(self._last(handle), raw=why, needs_input=asks, look_again_ms=_LATER_MS)

    def unknown(self, handle: str, why: str) -> Sighting:
        """It says that it has no such run."""
        count = self._count(handle, "unknown")
        if count >= _LOOKS and self.clock.boot_ms() - self._vain[handle].since >= self.settle_ms:
            return Vanished(why)
        pause = max(_LATER_MS, self.settle_ms // _LOOKS)
        return replace(self._last(handle), raw=why, look_again_ms=pause)

    def _count(self, handle: str, why: str) -> int:
        vain = self._vain.get(handle)
        if vain is None or vain.why != why:
            vain = self._vain[handle] = _Vain(why, self.clock.boot_ms())
        vain.count += 1
        return vain.count

    def _last(self, handle: str) -> Alive:
        return self._good.get(handle, Alive())
