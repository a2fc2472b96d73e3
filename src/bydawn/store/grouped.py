"""Many rows in one statement to SQLite: so many of them are one step of the engine, and what is the
same in all of them is bound once.
"""

from __future__ import annotations

import itertools
import re
import sqlite3
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Any

from bydawn.store.many import alike_among, apart_from, found_by, over_all

# Before 3.33 there is no UPDATE with a FROM, and there may be no more than 999 parameters.
_IS_OLD = sqlite3.sqlite_version_info < (3, 33)
FEW = 20
SIZES = (FEW,) if _IS_OLD else (100, FEW)
_READ_AT_ONCE = 1_000
_INSERT = re.compile(r"\s*INSERT INTO [^?]*\bVALUES\s*\([^()]*\)[^?]*")
_UPDATE = re.compile(r"\s*UPDATE .*\bWHERE\b.*", re.DOTALL)


def carry_out(cursor: sqlite3.Cursor, sql: str, parameters: Iterable[Sequence[Any]]) -> int:
    """Carry out one statement for many rows, which may be a stream; how many rows it changed."""
    given, changed = iter(parameters), 0
    while rows := list(itertools.islice(given, _READ_AT_ONCE)):
        for size in SIZES if _takes_many(sql) else ():
            whole = len(rows) // size * size
            changed += _carried_out(cursor, sql, rows[:whole], size) if whole else 0
            rows = rows[whole:]
        changed += cursor.executemany(sql, rows).rowcount if rows else 0
    return changed


def _carried_out(cursor: sqlite3.Cursor, sql: str, rows: list[Sequence[Any]], size: int) -> int:
    """How many were changed by these rows, which fill whole statements of this size."""
    columns = list(zip(*rows, strict=True))
    alike = alike_among(columns, found_by(_numbered(sql)))
    once = [columns[place - 1][0] for place in alike]
    apart = [columns[place - 1] for place in apart_from(alike, len(columns))]
    text, given = _worded(sql, len(columns), alike, size), list(zip(*apart, strict=True))
    changed = 0
    for start in range(0, len(rows), size):
        each = itertools.chain.from_iterable(given[start : start + size])
        changed += cursor.execute(text, [*once, *each]).rowcount
    return changed


@lru_cache(maxsize=128)
def _worded(sql: str, places: int, alike: tuple[int, ...], size: int) -> str:
    """The statement for so many rows: first come the parameters that all share."""
    apart = apart_from(alike, places)
    said = {place: f"?{number}" for number, place in enumerate(alike, 1)}
    said |= {place: f"given.column{number}" for number, place in enumerate(apart, 1)}
    numbers = iter(range(len(alike) + 1, len(alike) + 1 + size * len(apart)))
    rows = (f"({', '.join(f'?{next(numbers)}' for _ in apart)})" for _ in range(size))
    table = f"(VALUES {', '.join(rows)}) AS given"
    # Without a WHERE its grammar takes ON CONFLICT for the ON of a join.
    return over_all(_numbered(sql), table + " WHERE true" * ("ON CONFLICT" in sql), said)


@lru_cache(maxsize=128)
def _takes_many(sql: str) -> bool:
    """Whether it is a statement of one row that many rows can be given to."""
    return bool(_INSERT.match(sql) or (not _IS_OLD and _UPDATE.match(sql)))


@lru_cache(maxsize=128)
def _numbered(sql: str) -> str:
    """None of our statements that change rows has a question mark in a text."""
    numbers = itertools.count(1)
    return re.sub(r"\?", lambda _: f"${next(numbers)}", sql)
