"""One look at a service's list answers for all runs that are looked at in the same moment."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from typing import Any

from bydawn.core.clock import Clock

_FRESH_MS = 1_000
_NOT_AGAIN_MS = 60_000


class Listing:
    """``fetch`` gives every job the service shows, by its handle, or None where it gave no list of
    use. What is not listed (already over, on another page) is for a look of its own."""

    def __init__(self, clock: Clock, fetch: Callable[[], Mapping[str, Any] | None]) -> None:
        self._clock, self._fetch = clock, fetch
        self._guard = threading.Lock()
        self._jobs: Mapping[str, Any] = {}
        self._until = 0

    def job(self, handle: str) -> Any:
        """The job as the list shows it, at most a second ago; None where it does not."""
        with self._guard:
            if self._clock.boot_ms() >= self._until:
                jobs = self._fetch()
                wait_ms = _NOT_AGAIN_MS if jobs is None else _FRESH_MS
                self._jobs, self._until = jobs or {}, self._clock.boot_ms() + wait_ms
            return self._jobs.get(handle)

    def forget(self) -> None:
        """What was seen is no longer true: somebody has ended a run."""
        with self._guard:
            if self._jobs:
                self._until = 0
