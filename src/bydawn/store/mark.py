"""What an unanswered COMMIT is looked up by: a row of one writer's own.

The server's own transaction numbers will not do: after a crash it gives those of unfinished
transactions out again.
"""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

from bydawn.store.connect import Statement
from bydawn.store.dialect import spoken

if TYPE_CHECKING:
    from bydawn.store.wire import Wire

_MARK = """
INSERT INTO meta (name, value) VALUES (?, ?)
ON CONFLICT (name) DO UPDATE SET value = excluded.value"""

_LEFT = "SELECT value FROM meta WHERE name = ?"


class Mark:
    """The statements about one writer's row; ``number`` counts the transactions it has begun."""

    def __init__(self) -> None:
        self.writer = f"writer:{secrets.token_hex(8)}"
        self.number = 0

    def made(self) -> Statement:
        """Leave the number of this transaction; part of it."""
        return _MARK, (self.writer, str(self.number))

    def is_left(self, wire: Wire, turn: str) -> bool:
        """Asked when it is our turn again: by then the lost transaction is over, either way. What
        is there may not have reached the disk, and is waited for."""
        if not wire.is_ordered:
            return False  # a migration, which finds out by itself what is left to do
        try:
            wire.begin()
            wire.send(turn)
            found = wire.ask(spoken(_LEFT), (self.writer,)).fetchone()
        finally:
            wire.roll_back()
        if found is None or found[0] != str(self.number):
            return False
        wire.flush(self.writer)
        return True

    def forgotten(self) -> str:
        return f"DELETE FROM meta WHERE name = '{self.writer}'"
