"""Whose turn it is to write. To a PostgreSQL store: one row that every write transaction raises."""

from __future__ import annotations

from bydawn.store.connect import Session
from bydawn.store.dialect import NOW

# The row that orders all writers also counts their transactions; with it comes who answered, and
# when the turn came.
_RAISED = "UPDATE sequence SET value = value + 1"
_OF_ALL = f"WHERE name = 'version' RETURNING value, pg_backend_pid(), {NOW}"
TURN = f"{_RAISED} {_OF_ALL}"
FIRST_TURN = f"SELECT 0, pg_backend_pid(), {NOW} FROM pg_advisory_xact_lock(7090144118881)"
VERSION = "SELECT value FROM sequence WHERE name = 'version'"


def turn_under(settings: str) -> str:
    """As TURN, in a transaction whose settings this question makes, already for the wait."""
    return f"{_RAISED} FROM ({settings}) AS must {_OF_ALL}"


def time_of_turn(session: Session) -> int:
    """What is told of a transaction happens now that it is its turn, however long that took."""
    session.await_turn()
    return session.clock.utc_ms()
