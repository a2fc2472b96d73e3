"""Many rows in one statement to SQLite do what they would have done one by one."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from bydawn.store import claiming, events, grouped, listing, settling
from bydawn.store.grouped import FEW, SIZES, carry_out
from bydawn.store.store import open_store
from bydawn.testing.virtual import HandWoundClock

_ADD = "INSERT INTO t (name, kind, count) VALUES (?, ?, ?)"
_RAISE = " ON CONFLICT (name) DO UPDATE SET count = excluded.count WHERE t.count < excluded.count"
_MOVE = "UPDATE t SET count = ? WHERE name = ?"
_FEWEST_PARAMETERS = 999
_WIDEST = [listing._ADD_JOB, settling._ATTEMPT, settling._UPDATE, events._INSERT, claiming._INTEND]


@pytest.fixture
def cursor() -> Iterator[sqlite3.Cursor]:
    with contextlib.closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
        connection.execute("CREATE TABLE t (name TEXT PRIMARY KEY, kind TEXT, count INTEGER)")
        yield connection.cursor()


def _kept(cursor: sqlite3.Cursor) -> list[tuple[object, ...]]:
    return cursor.execute("SELECT name, kind, count FROM t ORDER BY rowid").fetchall()


@pytest.mark.parametrize("count", [0, 1, FEW - 1, FEW, FEW + 1, 99, 100, 121, 2_017])
def test_all_rows_are_kept_in_their_order(cursor: sqlite3.Cursor, count: int) -> None:
    rows = [(f"n{number}", None, number) for number in range(count)]
    assert carry_out(cursor, _ADD, iter(rows)) == count
    assert _kept(cursor) == rows


def test_what_differs_in_one_row_only_is_kept_there(cursor: sqlite3.Cursor) -> None:
    rows = [(f"n{number}", "usual", 7) for number in range(2 * FEW)]
    rows[FEW + 3] = ("odd", "unusual", 7)
    carry_out(cursor, _ADD, rows)
    assert _kept(cursor) == rows


def test_rows_that_are_alike_in_everything_are_still_as_many(cursor: sqlite3.Cursor) -> None:
    cursor.execute("CREATE TABLE same (a INTEGER, b TEXT)")
    rows = [(1, "x")] * (FEW + 2)
    assert carry_out(cursor, "INSERT INTO same (a, b) VALUES (?, ?)", rows) == len(rows)
    assert cursor.execute("SELECT a, b FROM same").fetchall() == rows


def test_only_rows_that_were_changed_are_counted(cursor: sqlite3.Cursor) -> None:
    rows = [(f"n{number}", "a", 5) for number in range(FEW)]
    carry_out(cursor, _ADD, rows)
    again = [(name, kind, 4 + number % 3) for number, (name, kind, _) in enumerate(rows)]
    assert carry_out(cursor, _ADD + _RAISE, again) == sum(count > 5 for _, _, count in again)
    assert [count for _, _, count in _kept(cursor)] == [max(5, count) for _, _, count in again]


def test_a_row_that_is_there_already_is_an_error(cursor: sqlite3.Cursor) -> None:
    rows = [(f"n{number % (FEW - 1)}", "a", number) for number in range(FEW)]
    with pytest.raises(sqlite3.IntegrityError):
        carry_out(cursor, _ADD, rows)


@pytest.mark.parametrize("count", [1, FEW, FEW + 5, 143, 1_003])
def test_each_row_is_changed_by_its_own(cursor: sqlite3.Cursor, count: int) -> None:
    carry_out(cursor, _ADD, [(f"n{number}", "a", 0) for number in range(count)])
    moved = [(number, f"n{number}") for number in range(count + 3)]
    assert carry_out(cursor, _MOVE, moved) == count, "the last three are nobody's"
    assert [number for _, _, number in _kept(cursor)] == list(range(count))


def test_a_guard_that_does_not_match_leaves_its_row_alone(cursor: sqlite3.Cursor) -> None:
    carry_out(cursor, _ADD, [(f"n{number}", "a", 1) for number in range(FEW)])
    guarded = "UPDATE t SET kind = ? WHERE name = ? AND count = ?"
    rows = [("b", f"n{number}", 2 if number == 3 else 1) for number in range(FEW)]
    assert carry_out(cursor, guarded, rows) == FEW - 1
    assert [name for name, kind, _ in _kept(cursor) if kind == "a"] == ["n3"]


def test_a_group_is_one_step(cursor: sqlite3.Cursor) -> None:
    said: list[str] = []
    cursor.connection.set_trace_callback(said.append)
    count = sum(SIZES) + 2
    carry_out(cursor, _ADD, [(f"n{number}", "a", 1) for number in range(count)])
    carry_out(cursor, _MOVE, [(7, f"n{number}") for number in range(count)])
    assert len(said) == 2 * (len(SIZES) + 2)


@pytest.mark.parametrize("sql", [claiming._INTEND, settling._UPDATE])
def test_a_group_is_found_by_its_numbers(tmp_path: Path, sql: str) -> None:
    """And not by what they are: where the planner saw a state, it would plan each time anew."""
    store = open_store(tmp_path / "s.db", HandWoundClock(), "s_1")
    places = sql.count("?")
    text = grouped._worded(sql, places, tuple(range(1, places - 3)), FEW)
    plan = store.session.rows(f"EXPLAIN QUERY PLAN {text}", [None] * (places - 4 + 4 * FEW))
    assert "SEARCH job USING INTEGER PRIMARY KEY (rowid=?)" in [row[3] for row in plan]
    store.close()


@pytest.mark.parametrize("sql", _WIDEST)
def test_our_widest_rows_fit_where_few_parameters_do(sql: str) -> None:
    """Every SQLite takes 999 parameters; before 3.32 no more."""
    assert sql.count("?") * FEW <= _FEWEST_PARAMETERS
    assert grouped._takes_many(sql), "these are worth it"


def test_an_older_sqlite_is_given_updates_row_by_row(
    cursor: sqlite3.Cursor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(grouped, "_IS_OLD", True)
    grouped._takes_many.cache_clear()
    carry_out(cursor, _ADD, [(f"n{number}", "a", 0) for number in range(FEW)])
    said: list[str] = []
    cursor.connection.set_trace_callback(said.append)
    assert carry_out(cursor, _MOVE, [(5, f"n{number}") for number in range(FEW)]) == FEW
    assert len(said) == FEW
    grouped._takes_many.cache_clear()
