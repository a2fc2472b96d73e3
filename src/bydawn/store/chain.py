"""The end of the journal as one connection knows it, for the length of a write transaction.

Writers go one after another, so the order of the chain is the order of commits.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from bydawn.core.chain import Head, Sealer, chained, start

# As connect.Row: what a connection is made of comes below it.
_Row = tuple[Any, ...]
LAST = "SELECT seq, hash FROM event ORDER BY seq DESC LIMIT 1"


class Chain:
    """Extends the journal. Without a ``sealer`` events are chained and not sealed: the next seal
    of anybody covers them too. ``store_id`` is empty until the store has its form."""

    def __init__(self) -> None:
        self.store_id = ""
        self.sealer: Sealer | None = None
        self._head: Head | None = None
        self._last: Callable[[], _Row | None] = lambda: None

    def begin(self, last: Callable[[], _Row | None]) -> None:
        """A transaction begins, and others may have written since the one before: ``last`` is what
        ``LAST`` finds in it, and is asked for where something is told."""
        self._head, self._last = None, last

    @contextlib.contextmanager
    def trying(self) -> Iterator[None]:
        """What is undone by an error was never told."""
        before = self._head
        try:
            yield
        except BaseException:
            self._head = before
            raise

    def extended(self, events: Sequence[Sequence[Any]]) -> list[_Row]:
        """The rows of a group of events; only inside a write transaction."""
        head = self._head or self._head_of(self._last())
        self._head, rows = chained(head, events, self.sealer)
        return rows

    def _head_of(self, last: _Row | None) -> Head:
        seq, found = last or (0, None)
        return Head(seq, found) if found else start(self.store_id, seq)
