"""What an unanswered COMMIT is looked up by: a row of one writer's own.

The server's own transaction numbers will not do: after a crash it gives those of unfinished
transactions out again.
"""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bydawn.store.wire import Wire

_MARK = """
INSERT INTO meta (name, value) VALUES ('{writer}', '{number}')
ON CONFLICT (name) DO UPDATE SET value = excluded.value"""


class Mark:
    """The statements about one writer's row; ``number`` counts the transactions it has begun."""

    def __init__(self) -> None:
        self.writer = f"writer:{secrets.token_hex(8)}"
        self.number = 0

    def made(self) -> str:
        """Leave the number of this transaction; part of it."""
        return _MARK.format(writer=self.writer, number=self.number)

    def asked(self) -> str:
        """The number of the last transaction that was kept."""
        return f"SELECT value FROM meta WHERE name = '{self.writer}'"

    def is_left(self, wire: Wire, turn: str) -> bool:
        """Asked when it is our turn again: by then the lost transaction is over, either way."""
        if not wire.is_ordered:
            return False  # a migration, which finds out by itself what is left to do
        try:
            (*_, found) = wire.say_all(f"{wire.opening}; {turn}; {self.asked()}")
        finally:
            wire.roll_back()
        return found is not None and found[0] == str(self.number)

    def forgotten(self) -> str:
        return f"DELETE FROM meta WHERE name = '{self.writer}'"
