"""Counter rows: read and raised in a claim's transaction, lowered when a job leaves the state."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from bydawn.store.connect import Session

_READ = "SELECT used FROM counter WHERE name = ?"
_MOVE = """
INSERT INTO counter (name, used) VALUES (?, ?)
ON CONFLICT (name) DO UPDATE SET used = counter.used + excluded.used"""
_SET = """
INSERT INTO counter (name, used) VALUES (?, ?)
ON CONFLICT (name) DO UPDATE SET used = excluded.used"""


def used(session: Session, name: str) -> int:
    found = session.row(_READ, (name,))
    return int(found[0]) if found else 0


def all_of(session: Session, names: Iterable[str]) -> dict[str, int]:
    """These counters, for one wait."""
    asked = {name: session.asking(_READ, (name,)) for name in names}
    found = {name: answer() for name, answer in asked.items()}
    return {name: int(rows[0][0]) if rows else 0 for name, rows in found.items()}


def all_used(session: Session) -> dict[str, int]:
    """Every counter that was ever moved, as it stands."""
    return dict(session.rows("SELECT name, used FROM counter"))


def move(session: Session, deltas: Mapping[str, int]) -> None:
    """Change counters by their deltas, always in the order of their names."""
    session.send_many(_MOVE, ((name, deltas[name]) for name in sorted(deltas) if deltas[name]))


def put(session: Session, name: str, value: int) -> None:
    session.change(_SET, (name, value))


def draw_tokens(session: Session, count: int) -> None:
    """So many are given out; the sequence never falls and never repeats."""
    session.send_many("UPDATE sequence SET value = value + ? WHERE name = 'token'", [(count,)])


def take_tokens(session: Session, count: int) -> int:
    """The first of ``count`` new tokens."""
    found = session.row("SELECT value + 1 FROM sequence WHERE name = 'token'")
    assert found is not None
    draw_tokens(session, count)
    return int(found[0])
