"""A face in front of another one, which remembers what was done before this run."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from bydawn.watch.documents import done_before

if TYPE_CHECKING:
    from bydawn.cli.faces import Face
    from bydawn.watch.rows import Batch, Store


class Noting:
    """Passes everything on. ``before`` holds the jobs that had succeeded when the run began."""

    def __init__(self, face: Face, remembers: bool) -> None:
        self._face = face
        self._remembers = remembers
        self.before: frozenset[int] = frozenset()

    def opened(self, store: Store, batch: Batch, already_done: int) -> None:
        if self._remembers and already_done:
            self.before = done_before(store, batch)
        self._face.opened(store, batch, already_done)

    def hear(self, wake: Callable[[], None]) -> None:
        self._face.hear(wake)

    def turned(self) -> None:
        self._face.turned()

    def note(self, text: str) -> None:
        self._face.note(text)

    def close(self) -> None:
        self._face.close()
