"""The plainest face, and what all faces of a running command share."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import TYPE_CHECKING

from bydawn.cli.talk import Talk
from bydawn.core.errors import StoreUnavailable
from bydawn.watch.follow import Following
from bydawn.watch.sanitise import inert

if TYPE_CHECKING:
    from bydawn.watch.rows import Batch, Store

_LOOK_MS = 250


class QuietFace:
    """Shows nothing but notes; all others build on it."""

    def __init__(self, talk: Talk) -> None:
        self.talk = talk
        self.following: Following | None = None
        self._due_at = 0

    def opened(self, store: Store, batch: Batch, already_done: int) -> None:
        """The batch is there."""
        del store, batch, already_done

    def hear(self, wake: Callable[[], None]) -> None:
        """``wake``, from any thread, has ``turned`` called soon."""

    def turned(self) -> None:
        """Look for news, at most a few times a second."""
        if self.following and self._now() >= self._due_at:
            self.look_now()

    def look_now(self) -> None:
        """Look without waiting for the next time."""
        if self.following:
            self._due_at = self._now() + self.pace_ms
            # A store too busy to be looked at is no reason to end the run: the next look may do.
            with contextlib.suppress(StoreUnavailable):
                self.look(self.following)

    def note(self, text: str) -> None:
        self.talk.tell(f"bydawn: {inert(text)}")

    def close(self) -> None:
        """Show what is left to show, then get out of the way."""
        if self.following:
            self.look(self.following)

    @property
    def pace_ms(self) -> int:
        return _LOOK_MS

    def look(self, following: Following) -> None:
        """Show what is new."""

    def _now(self) -> int:
        return self.following.store.session.clock.utc_ms() if self.following else 0
