"""Whether a store file is whole: what the database finds, and what must be true of our own rows.

Too slow for every opening; asked when something happened that cannot happen in a whole store.
"""

from __future__ import annotations

import contextlib
import json
import sqlite3
from collections.abc import Callable
from pathlib import Path

from bydawn.store.rows import spec_from, terms_from

_WHOLE = "ok"
_LOST = (
    ("a job's spec is missing", "SELECT 1 FROM job WHERE spec NOT IN (SELECT number FROM spec)"),
    ("a job's batch is missing", "SELECT 1 FROM job WHERE batch NOT IN (SELECT number FROM batch)"),
    ("a template's spec is missing",
     "SELECT 1 FROM template WHERE spec NOT IN (SELECT number FROM spec)"),
    ("a sequence is missing", "SELECT 1 WHERE (SELECT count(*) FROM sequence) < 2"),
    ("the store's name is missing",
     "SELECT 1 WHERE NOT EXISTS (SELECT 1 FROM meta WHERE name = 'store_id')"),
)  # fmt: skip
_READ_AS: dict[str, Callable[[str], object]] = {"body": spec_from, "terms": terms_from}
_READ_AS |= dict.fromkeys(
    ("tags", "accounts", "usage", "result", "item", "after", "detail", "batches"), json.loads
)
_TABLES = "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"
_STATES = """
SELECT 1 FROM job WHERE state NOT IN ('queued', 'launching', 'running', 'finishing', 'succeeded',
    'failed', 'parked', 'cancelled')"""


def damage_of(path: Path, patience_s: float = 5) -> str:
    """The first thing that is wrong with the file; empty where nothing is, or where others do not
    let us look. Changes nothing."""
    address = f"{path.absolute().as_uri()}?mode=ro"
    try:
        with contextlib.closing(
            sqlite3.connect(address, uri=True, timeout=patience_s)
        ) as connection:
            connection.text_factory = bytes
            return _damage(connection)
    except UnicodeDecodeError:
        return "what it says of itself cannot be read"
    except sqlite3.Error as error:
        return "" if "locked" in str(error) else str(error)


def _damage(connection: sqlite3.Connection) -> str:
    (told,) = connection.execute("PRAGMA integrity_check(1)").fetchone()
    if told.decode(errors="replace") != _WHOLE:
        return str(told.decode(errors="replace"))
    for story, question in (*_LOST, ("a job is in no state", _STATES)):
        if connection.execute(question).fetchone():
            return story
    return _wrong_value(connection)


def _wrong_value(connection: sqlite3.Connection) -> str:
    """Numbers where numbers are declared, and texts that can be read where texts are."""
    for (table,) in connection.execute(_TABLES).fetchall():
        name = table.decode()
        for _, column, kind, *_ in connection.execute(f"PRAGMA table_info({name})").fetchall():
            wrong = _wrong_in(connection, name, column.decode(), kind.decode())
            if wrong:
                return wrong
    return ""


def _wrong_in(connection: sqlite3.Connection, table: str, column: str, kind: str) -> str:
    place = f"{table}.{column}"
    if kind == "INTEGER":
        strange = f"SELECT 1 FROM {table} WHERE typeof({column}) NOT IN ('integer', 'null')"
        found = connection.execute(strange).fetchone()
        return f"{place} holds something else than a number" if found else ""
    read_as = _READ_AS.get(column, str)
    values = connection.execute(f"SELECT {column} FROM {table} WHERE {column} IS NOT NULL")
    return "" if all(_is_sound(value, read_as) for (value,) in values) else f"{place} is unreadable"


def _is_sound(value: object, read_as: Callable[[str], object]) -> bool:
    try:
        text = value.decode() if isinstance(value, bytes) else None
        if text:
            read_as(text)
    except (TypeError, ValueError, LookupError, AttributeError):
        return False
    return text is not None
