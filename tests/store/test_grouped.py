"""Many rows in one INSERT to SQLite are the rows that one by one would have been."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator

import pytest

from bydawn.store import events, inserts, listing, settling
from bydawn.store.inserts import AT_ONCE, alike_among, carry_out

_ADD = "INSERT INTO t (name, kind, count) VALUES (?, ?, ?)"
_RAISE = " ON CONFLICT (name) DO UPDATE SET count = excluded.count WHERE t.count < excluded.count"
_FEWEST_PARAMETERS = 999


@pytest.fixture
def cursor() -> Iterator[sqlite3.Cursor]:
    with contextlib.closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
        connection.execute("CREATE TABLE t (name TEXT PRIMARY KEY, kind TEXT, count INTEGER)")
        yield connection.cursor()


def _kept(cursor: sqlite3.Cursor) -> list[tuple[object, ...]]:
    return cursor.execute("SELECT name, kind, count FROM t ORDER BY rowid").fetchall()


@pytest.mark.parametrize("count", [0, 1, AT_ONCE - 1, AT_ONCE, AT_ONCE + 1, 4 * AT_ONCE, 2_017])
def test_all_rows_are_kept_in_their_order(cursor: sqlite3.Cursor, count: int) -> None:
    rows = [(f"n{number}", None, number) for number in range(count)]
    assert carry_out(cursor, _ADD, iter(rows)) == count
    assert _kept(cursor) == rows


def test_what_differs_in_one_row_only_is_kept_there(cursor: sqlite3.Cursor) -> None:
    rows = [(f"n{number}", "usual", 7) for number in range(2 * AT_ONCE)]
    rows[AT_ONCE + 3] = ("odd", "unusual", 7)
    carry_out(cursor, _ADD, rows)
    assert _kept(cursor) == rows


def test_rows_that_are_alike_in_everything_are_still_as_many(cursor: sqlite3.Cursor) -> None:
    cursor.execute("CREATE TABLE same (a INTEGER, b TEXT)")
    rows = [(1, "x")] * (AT_ONCE + 2)
    assert carry_out(cursor, "INSERT INTO same (a, b) VALUES (?, ?)", rows) == len(rows)
    assert cursor.execute("SELECT a, b FROM same").fetchall() == rows


def test_only_rows_that_were_changed_are_counted(cursor: sqlite3.Cursor) -> None:
    rows = [(f"n{number}", "a", 5) for number in range(AT_ONCE)]
    carry_out(cursor, _ADD, rows)
    again = [(name, kind, 4 + number % 3) for number, (name, kind, _) in enumerate(rows)]
    assert carry_out(cursor, _ADD + _RAISE, again) == sum(count > 5 for _, _, count in again)
    assert [count for _, _, count in _kept(cursor)] == [max(5, count) for _, _, count in again]


def test_a_row_that_is_there_already_is_an_error(cursor: sqlite3.Cursor) -> None:
    rows = [(f"n{number % (AT_ONCE - 1)}", "a", number) for number in range(AT_ONCE)]
    with pytest.raises(sqlite3.IntegrityError):
        carry_out(cursor, _ADD, rows)


def test_other_statements_are_carried_out_row_by_row(cursor: sqlite3.Cursor) -> None:
    carry_out(cursor, _ADD, [(f"n{number}", "a", 0) for number in range(AT_ONCE)])
    moved = [(number, f"n{number}") for number in range(AT_ONCE + 5)]
    assert carry_out(cursor, "UPDATE t SET count = ? WHERE name = ?", moved) == AT_ONCE
    assert [count for _, _, count in _kept(cursor)] == list(range(AT_ONCE))


def test_what_is_the_same_in_all_rows_is_found() -> None:
    assert alike_among([(1, 2), ("x", "x"), (None, None), ("a", "b")]) == (1, 2)
    assert alike_among([("x", "y", "x"), (1, 1, 1)]) == (1,)
    assert alike_among([(1, 1), (2, 2)]) == (1,)


@pytest.mark.parametrize("sql", [listing._ADD_JOB, settling._ATTEMPT, events._INSERT])
def test_our_widest_rows_fit_where_few_parameters_do(sql: str) -> None:
    """Every SQLite takes 999 parameters; before 3.32 no more."""
    assert sql.count("?") * AT_ONCE <= _FEWEST_PARAMETERS
    assert inserts._insert_in(sql), "these are worth it"
