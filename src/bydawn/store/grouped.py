"""Many rows in one INSERT to SQLite: so many of them are one step of the engine, and what is the
same in all of them is given once.
"""

from __future__ import annotations

import itertools
import re
import sqlite3
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Any

# More gains little, and for our widest row these are parameters that every SQLite takes.
AT_ONCE = 25
_READ_AT_ONCE = 1_000
# Without parameters but those of its rows.
_INSERT = re.compile(r"(\s*INSERT INTO [^?]*?\bVALUES\s*)(\([^()]*\))([^?]*)", re.DOTALL)
Rows = list[Sequence[Any]]


def carry_out(cursor: sqlite3.Cursor, sql: str, parameters: Iterable[Sequence[Any]]) -> int:
    """Carry out one statement for many rows, which may be a stream; how many rows it changed."""
    given, changed = iter(parameters), 0
    while rows := list(itertools.islice(given, _READ_AT_ONCE)):
        whole = len(rows) // AT_ONCE * AT_ONCE if _insert_in(sql) else 0
        changed += _inserted(cursor, sql, rows[:whole]) if whole else 0
        changed += cursor.executemany(sql, rows[whole:]).rowcount if rows[whole:] else 0
    return changed


def _inserted(cursor: sqlite3.Cursor, sql: str, rows: Rows) -> int:
    """How many were put in of these rows, which fill whole statements."""
    columns = list(zip(*rows, strict=True))
    alike = alike_among(columns)
    once = [columns[place][0] for place in alike]
    apart = list(zip(*(columns[place] for place in _apart(len(columns), alike)), strict=True))
    text = _worded(sql, len(columns), alike)
    changed = 0
    for start in range(0, len(rows), AT_ONCE):
        each = itertools.chain.from_iterable(apart[start : start + AT_ONCE])
        changed += cursor.execute(text, [*once, *each]).rowcount
    return changed


def alike_among(columns: Sequence[tuple[Any, ...]]) -> tuple[int, ...]:
    """The places of columns with one value for all rows; not all of them, rows need something to
    consist of."""
    alike = [
        place
        for place, values in enumerate(columns)
        if values[0] == values[-1] and values.count(values[0]) == len(values)
    ]
    return tuple(alike[1:] if len(alike) == len(columns) else alike)


@lru_cache(maxsize=128)
def _worded(sql: str, places: int, alike: tuple[int, ...]) -> str:
    """The statement for AT_ONCE rows: first come the parameters that all share."""
    found = _insert_in(sql)
    assert found, f"no INSERT of rows: {sql}"
    head, row, tail = found
    apart = _apart(places, alike)
    rows = []
    for before in range(len(alike), len(alike) + AT_ONCE * len(apart), len(apart)):
        numbers = {place: number for number, place in enumerate(alike, 1)}
        numbers |= {place: before + number for number, place in enumerate(apart, 1)}
        marks = iter(range(places))
        rows.append(re.sub(r"\?", lambda _: f"?{numbers[next(marks)]}", row))  # noqa: B023
    return f"{head}{', '.join(rows)}{tail}"


def _apart(places: int, alike: tuple[int, ...]) -> list[int]:
    return [place for place in range(places) if place not in alike]


@lru_cache(maxsize=128)
def _insert_in(sql: str) -> tuple[str, str, str] | None:
    """The head, the row and the tail of an INSERT; None where it is another statement."""
    found = _INSERT.fullmatch(sql)
    return (found[1], found[2], found[3]) if found else None
