"""What an unanswered COMMIT is looked up by: a row of one writer's own.

The server's own transaction numbers will not do: after a crash it gives those of unfinished
transactions out again.
"""

from __future__ import annotations

import secrets

# The row that orders all writers also counts their transactions.
TURN = """
UPDATE sequence SET value = value + 1 WHERE name = 'version' RETURNING value"""
FIRST_TURN = "SELECT 0 FROM pg_advisory_xact_lock(7090144118881)"

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

    def forgotten(self) -> str:
        return f"DELETE FROM meta WHERE name = '{self.writer}'"
