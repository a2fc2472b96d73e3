"""Every statement of the store is carried out by both kinds; the words that differ, one by one."""

from __future__ import annotations

import contextlib
import importlib
import pkgutil
import re
import sqlite3
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

import bydawn.store
from bydawn.runner.clock import SystemClock
from bydawn.store.dialect import cleaned, regex_of, spoken
from bydawn.store.many import alike_in, array_of, for_many, given_for
from bydawn.store.postgres import PostgresSession, open_postgres
from bydawn.store.shared import open_server_store
from servers import Server

_STATEMENT = re.compile(r"\s*(SELECT|INSERT|UPDATE|DELETE|WITH)\b")
# Kinds of connection, and the fence that lives in somebody else's database.
_ELSEWHERE = {
    "postgres", "wire", "server", "sqlite", "migrate", "fences", "soundness", "damage"
}  # fmt: skip
# Completed where they are used.
_PARTS = {("opening", "_RELIST")}


def _statements() -> dict[str, str]:
    """All statements that modules of the store keep as constants."""
    found = {}
    for module in pkgutil.iter_modules(bydawn.store.__path__):
        if module.name in _ELSEWHERE:
            continue
        loaded = importlib.import_module(f"bydawn.store.{module.name}")
        for name, value in vars(loaded).items():
            is_own = name.startswith("_") and (module.name, name) not in _PARTS
            if is_own and isinstance(value, str) and _STATEMENT.match(value):
                found[f"{module.name}.{name}"] = value
    return found


@pytest.fixture(scope="module")
def server_session(postgres_server: Server) -> Iterator[PostgresSession]:
    url = postgres_server.database()
    open_server_store(url, SystemClock(), "s_1").close()
    session = open_postgres(url, SystemClock())
    yield session
    session.close()


def test_there_are_statements_to_look_at() -> None:
    assert len(_statements()) > 50


@pytest.mark.parametrize("name", sorted(_statements()))
def test_the_server_accepts_every_statement(server_session: PostgresSession, name: str) -> None:
    """Prepared, so that names, types and grammar are checked by the server itself."""
    sql = spoken(_statements()[name]).sql

    def prepare() -> None:
        server_session.define(f"PREPARE tried AS {sql}")
        server_session.define("DEALLOCATE tried")

    server_session.transact(prepare)


def test_marks_in_quotes_stay() -> None:
    assert spoken("SELECT '?', 'it''s ?' WHERE a = ? AND b = ?").sql == (
        "SELECT '?', 'it''s ?' WHERE a = $1 AND b = $2"
    )


def test_words_that_differ() -> None:
    assert spoken("a IS NOT b.c").sql == "a IS DISTINCT FROM b.c"
    assert spoken("a IS NOT NULL").sql == "a IS NOT NULL"
    assert spoken("max(a, ?)").sql == "greatest(a, $1)"
    assert spoken("SELECT max(a) FROM b").sql == "SELECT max(a) FROM b"
    assert spoken("x = ? AND name GLOB ? AND y = ?") == ("x = $1 AND name ~ $2 AND y = $3", (1,))


def test_many_rows_become_one_statement() -> None:
    insert = for_many("INSERT INTO t (a, b) VALUES ($1, 0) ON CONFLICT (a) DO NOTHING", ["text"])
    assert insert == (
        'INSERT INTO t (a, b) SELECT given."1", 0 FROM unnest($1::text[])'
        ' AS given("1") ON CONFLICT (a) DO NOTHING'
    )
    update = for_many("UPDATE t SET a = $1 WHERE b = $2", ["text", "bigint"])
    assert update == (
        'UPDATE t SET a = given."1" FROM unnest($1::text[], $2::bigint[])'
        ' AS given("1", "2")\nWHERE b = given."2"'
    )


def test_what_is_alike_in_all_rows_is_said_once() -> None:
    sql = "INSERT INTO t (a, b) VALUES ($1, $2)"
    rows = [(1, "x"), (2, "x")]
    assert alike_in(sql, rows) == (2,)
    assert given_for(rows, (2,)) == ["{1,2}", "x"]
    assert for_many(sql, ["bigint", "text"], (2,)) == (
        'INSERT INTO t (a, b) SELECT given."1", $2::text FROM unnest($1::bigint[]) AS given("1")'
    )


def test_rows_that_are_all_alike_are_still_as_many() -> None:
    assert alike_in("INSERT INTO t (a, b) VALUES ($1, $2)", [(1, 2), (1, 2)]) == (2,)


def test_what_rows_are_found_by_is_kept_from_the_planner() -> None:
    sql = "UPDATE t SET a = $1 WHERE b = $2 AND c = $3"
    assert alike_in(sql, [(None, "queued", 1), (None, "queued", 2)]) == (1,)


_LETTERS = "ab*?]^-.\\$("  # classes are tried below: an unclosed one means nothing in SQLite


@given(st.text(alphabet=_LETTERS, max_size=8), st.text(alphabet=_LETTERS, max_size=6))
def test_patterns_match_what_glob_matches(pattern: str, name: str) -> None:
    assert bool(re.search(regex_of(pattern), name, re.DOTALL)) == globbed(pattern, name)


def globbed(pattern: str, name: str) -> bool:
    with contextlib.closing(sqlite3.connect(":memory:")) as connection:
        return bool(connection.execute("SELECT ? GLOB ?", (name, pattern)).fetchone()[0])


@pytest.mark.parametrize(
    ("pattern", "name"),
    [
        ("work/*", "work/s:item-0001"), ("*[0-9]", "a7"), ("*[0-9]", "ab"), ("[^a]b", "cb"),
        ("[^a]b", "ab"), ("[]]x", "]x"), ("[a-c.]", "."), ("a?c", "abc"), ("", ""), ("", "a"),
        ("*", "with\nline"), ("[\\d]", "5"), ("a.c", "abc"), ("é*", "été"),
    ],
)  # fmt: skip
def test_the_server_matches_as_sqlite_does(
    server_session: PostgresSession, pattern: str, name: str
) -> None:
    found = server_session.row("SELECT (? || '') GLOB ?", (name, pattern))
    assert found == (globbed(pattern, name),)


def test_what_a_server_cannot_keep_is_cleaned(server_session: PostgresSession) -> None:
    assert cleaned("a\0b\ud800c") == "a\ufffdb?c"
    assert cleaned(7) == 7
    rows = [("a\0", 1), ('{"kept": "\\u0000"}', 2), ("\ud800", None)]
    sql = 'SELECT given."1", given."2" FROM unnest(?::text[], ?::bigint[]) AS given("1", "2")'
    assert server_session.rows(sql, given_for(rows)) == [
        ("a\ufffd", 1), ('{"kept": "\\u0000"}', 2), ("?", None),
    ]  # fmt: skip


_ODD = st.text(alphabet="ab\"'\\{},\0\n \ud800éNUL", max_size=6)


@given(st.lists(st.one_of(st.none(), _ODD), min_size=1, max_size=6))
def test_whatever_texts_hold_the_server_reads_them_as_they_are(
    server_session: PostgresSession, values: list[str | None]
) -> None:
    found = server_session.rows("SELECT unnest(?::text[])", (array_of(values),))
    assert [row[0] for row in found] == [cleaned(value) for value in values]
