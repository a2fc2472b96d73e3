"""The whole store as plain rows: which tables there are, what their columns are called."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from bydawn.store.connect import Session
from bydawn.store.migrate import statements_of

_CREATE = re.compile(r"CREATE TABLE (\w+) \((.*)\)", re.DOTALL)
_ADD = re.compile(r"ALTER TABLE (\w+) ADD COLUMN (\w+)")
_COLUMN = re.compile(r"([a-z]\w*) +[A-Z]")


def columns() -> dict[str, tuple[str, ...]]:
    """Every table with its columns, as the migrations define them."""
    found: dict[str, list[str]] = {}
    for statement in statements_of():
        created, added = _CREATE.match(statement), _ADD.match(statement)
        if created:
            lines = (line.strip() for line in created[2].splitlines())
            names = (_COLUMN.match(line) for line in lines)
            found[created[1]] = [name[1] for name in names if name]
        elif added:
            found[added[1]].append(added[2])
    return {table: tuple(names) for table, names in found.items()}


def rows_of(session: Session, table: str) -> Iterator[dict[str, Any]]:
    """Every row of a table, by the names of its columns."""
    names = columns()[table]
    for row in session.each(f"SELECT {', '.join(names)} FROM {table} ORDER BY 1"):
        yield dict(zip(names, row, strict=True))


def store_id(session: Session) -> str:
    row = session.row("SELECT value FROM meta WHERE name = 'store_id'")
    return str(row[0]) if row else ""
