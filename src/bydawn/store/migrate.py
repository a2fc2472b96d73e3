"""Numbered migrations, forward only, each in one transaction and remembered with its checksum."""

from __future__ import annotations

import hashlib
from pathlib import Path

from bydawn.core.errors import StoreRefused
from bydawn.store.connect import Session

NUMBERS = (1, 2, 3, 4, 5, 6, 7, 8)

_TABLE = """
CREATE TABLE IF NOT EXISTS migration (
    number     INTEGER NOT NULL PRIMARY KEY,
    checksum   TEXT NOT NULL,
    applied_at INTEGER NOT NULL
)"""


def migrate(session: Session, store_id: str) -> list[int]:
    """Bring the store to this version's shape; the numbers that were applied now."""
    if current(session) == NUMBERS[-1]:
        return []
    return session.transact(lambda: _migrated(session, store_id))


def _migrated(session: Session, store_id: str) -> list[int]:
    session.define(_TABLE)
    _refuse_strange(session)
    applied = [number for number in NUMBERS if number > current(session)]
    for number in applied:
        _apply(session, number)
    if 1 in applied:
        _first_rows(session, store_id)
    return applied


def current(session: Session) -> int:
    """The newest migration this store has; refuses a store newer than this program."""
    if "migration" not in session.tables():
        return 0
    found = session.row("SELECT max(number) FROM migration")
    number = int(found[0] or 0) if found else 0
    if number > NUMBERS[-1]:
        raise StoreRefused(
            f"{session.name}: was made by a newer bydawn (schema {number}, this one knows"
            f" {NUMBERS[-1]})",
            "upgrade bydawn; the store was not touched",
        )
    return number


def _refuse_strange(session: Session) -> None:
    for number, checksum in session.rows("SELECT number, checksum FROM migration"):
        if number in NUMBERS and checksum != _checksum(_text(number)):
            raise StoreRefused(
                f"{session.name}: migration {number} differs from this program's",
                "use the bydawn version that made this store",
            )


def _apply(session: Session, number: int) -> None:
    text = _text(number)
    for statement in _statements(text):
        session.define(statement)
    session.change(
        "INSERT INTO migration (number, checksum, applied_at) VALUES (?, ?, ?)",
        (number, _checksum(text), session.clock.utc_ms()),
    )


def _first_rows(session: Session, store_id: str) -> None:
    session.change("INSERT INTO meta (name, value) VALUES ('store_id', ?)", (store_id,))
    for name in ("token", "version"):
        session.change("INSERT INTO sequence (name, value) VALUES (?, 0)", (name,))


def statements_of() -> list[str]:
    """Every statement of every migration, in order: together they say what a store is made of."""
    return [statement for number in NUMBERS for statement in _statements(_text(number))]


def _statements(text: str) -> list[str]:
    lines = [line for line in text.splitlines() if not line.lstrip().startswith("--")]
    return [part.strip() for part in "\n".join(lines).split(";") if part.strip()]


def _text(number: int) -> str:
    return (Path(__file__).parent / "migrations" / f"{number:04}.sql").read_text("utf-8")


def _checksum(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
