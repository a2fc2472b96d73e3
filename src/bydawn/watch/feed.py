"""Follow the journal from a place in it."""

from __future__ import annotations

from collections.abc import Iterator

from bydawn.store import read
from bydawn.store.read import EventRow
from bydawn.store.store import Store

ALL = 0
_AT_ONCE = 2_000


class Feed:
    """The events of a batch (or of all) after a place; each is given once, in order."""

    def __init__(self, store: Store, batch: int = ALL, after: int = 0) -> None:
        self._store = store
        self._batch = batch
        self._after = after

    def fresh(self) -> Iterator[EventRow]:
        """Everything that was committed since the last time."""
        while True:
            found = read.events(self._store.session, self._after, self._batch, _AT_ONCE)
            if not found:
                return
            self._after = found[-1].seq
            yield from found
            if len(found) < _AT_ONCE:
                return


def newest(store: Store) -> int:
    """The place after the newest event."""
    return read.newest_event(store.session)
