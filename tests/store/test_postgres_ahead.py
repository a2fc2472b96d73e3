"""What is sent ahead: how it goes, what is understood by its name, and what an error leaves."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import psycopg
import pytest
from psycopg import errors

from between import PASS, CuttingLine, database_of
from bydawn.runner.clock import SystemClock
from bydawn.store.ahead import Ahead, Prepared
from bydawn.store.postgres import open_postgres
from bydawn.store.server import Line, address_of, connect
from bydawn.store.shared import open_server_store
from servers import Server

BUMP = """
INSERT INTO counter (name, used) VALUES (?, ?)
ON CONFLICT (name) DO UPDATE SET used = counter.used + excluded.used"""
LONG = 300_000


@pytest.fixture
def line(postgres_server: Server) -> Iterator[Line]:
    with connect(address_of(postgres_server.url())) as made:
        made.execute("BEGIN")
        yield made


def test_answers_are_there_when_they_were_heard_and_in_their_order(line: Line) -> None:
    ahead = Ahead(line, None)
    number = ahead.send("SELECT $1::bigint + 1, $2::text, $3::text", [41, "ä'\\", None])
    nothing = ahead.send("SELECT 1 WHERE false", [])
    made = ahead.send("CREATE TEMPORARY TABLE t AS SELECT generate_series(1, 3)::bigint AS n", [])
    changed = ahead.send("UPDATE t SET n = n + $1 WHERE n > $2", [10, 1])
    assert (number.fetchall(), changed.rowcount) == ([], -1)
    ahead.hear()
    assert (number.fetchone(), list(number)) == ((42, "ä'\\", None), [(42, "ä'\\", None)])
    assert (nothing.fetchone(), made.statusmessage, changed.rowcount) == (None, "SELECT 3", 2)
    ahead.leave()
    assert line.execute("SELECT sum(n) FROM t").fetchone() == (26,)


def test_both_may_say_more_than_fits_on_the_way(line: Line) -> None:
    ahead = Ahead(line, None)
    texts = [letter * LONG for letter in "abcdefghijklmnop"]
    answers = [ahead.send("SELECT $1::text || $1::text", [text]) for text in texts]
    ahead.leave()
    assert [answer.fetchone() for answer in answers] == [(2 * text,) for text in texts]


def test_the_first_error_is_told_and_the_line_stays_good(line: Line) -> None:
    ahead = Ahead(line, None)
    before = ahead.send("SELECT 1", [])
    ahead.send("SELECT 1 / $1::int", [0])
    after = ahead.send("SELECT nonsense", [])
    with pytest.raises(errors.DivisionByZero):
        ahead.hear()
    assert (before.fetchone(), after.fetchone()) == ((1,), None)
    ahead.send("SELECT 1", [])
    with pytest.raises(errors.InFailedSqlTransaction):
        ahead.leave()
    line.execute("ROLLBACK")
    assert line.execute("SELECT 2").fetchone() == (2,)


def test_what_was_not_prepared_has_no_name(line: Line) -> None:
    prepared, sql = Prepared(), "SELECT $1::int"
    ahead = Ahead(line, prepared)
    ahead.send(sql, [1])
    ahead.send("SELECT nonsense", [])
    ahead.send(sql, [1])
    assert prepared.name_of(sql)
    with pytest.raises(errors.UndefinedColumn):
        ahead.leave()
    assert prepared.name_of(sql) is None


def test_a_line_on_which_answers_are_left_is_cut(
    line: Line, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    ahead = Ahead(line, None)
    ahead.send("SELECT 1", [])
    monkeypatch.setattr(line, "wait", interrupted)
    with pytest.raises(KeyboardInterrupt):
        ahead.leave()
    assert line.closed


def test_an_answer_that_never_comes_is_an_error(line: Line, postgres_server: Server) -> None:
    ahead = Ahead(line, None)
    ahead.send("SELECT 1", [])
    postgres_server.say(f"SELECT pg_terminate_backend({line.info.backend_pid})")
    with pytest.raises(psycopg.OperationalError):
        ahead.leave()
    assert line.closed


def test_what_is_said_again_is_said_by_its_name_and_anew_to_who_does_not_know_it(
    postgres_server: Server,
) -> None:
    url, heard = postgres_server.database(), list[bytes]()
    open_server_store(url, SystemClock(), "s_1").close()

    def explained() -> int:
        """How often the statement was said in full."""
        heard.clear()
        for _ in range(9):
            session.transact(lambda: session.send_many(BUMP, [("n", 1)]))
        return sum(one[:1] == b"P" and b"INTO counter" in one for one in heard)

    with CuttingLine(postgres_server, database_of(url)) as line:
        line.judge = lambda message: (heard.append(message), PASS)[1]
        with contextlib.closing(open_postgres(line.url, SystemClock(), 20.0)) as session:
            assert 0 < explained() < 9
            assert explained() == 0
            session._wire._connection.close()
            assert 0 < explained() < 9
            assert session.row("SELECT used FROM counter WHERE name = 'n'") == (27,)
