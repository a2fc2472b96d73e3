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
_LAST = "SELECT seq, hash FROM event ORDER BY seq DESC LIMIT 1"


class Chain:
    """Extends the journal. Without a ``sealer`` events are chained and not sealed: the next seal
    of anybody covers them too. ``store_id`` is empty until the store has its form."""

    def __init__(self) -> None:
        self.store_id = ""
        self.sealer: Sealer | None = None
        self._head: Head | None = None

    def forget(self) -> None:
        """A transaction begins: others may have written since the last one."""
        self._head = None

    @property
    def asked(self) -> list[str]:
        """What a transaction over a network begins with, behind other words, to save a question."""
        return [_LAST] if self.store_id else []

    def heard(self, answers: list[_Row | None]) -> _Row | None:
        """A transaction begins: the answers to its words, of which ``asked`` may have been the
        last; returns the last of the others."""
        if self.store_id:
            self._head = self._head_of(answers.pop())
        return answers[-1]

    @contextlib.contextmanager
    def trying(self) -> Iterator[None]:
        """What is undone by an error was never told."""
        before = self._head
        try:
            yield
        except BaseException:
            self._head = before
            raise

    def extended(
        self, events: Sequence[Sequence[Any]], asked: Callable[[str], _Row | None]
    ) -> list[_Row]:
        """The rows of a group of events; only inside a write transaction, whose ``row`` is asked
        where the journal's end is not known yet."""
        head = self._head or self._head_of(asked(_LAST))
        self._head, rows = chained(head, events, self.sealer)
        return rows

    def _head_of(self, last: _Row | None) -> Head:
        seq, found = last or (0, None)
        return Head(seq, found) if found else start(self.store_id, seq)
