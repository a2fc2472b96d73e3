"""SQL: the contract over SQLite and PostgreSQL, and the ways drivers differ."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from gate_contract import GateContract, Stand, claim

from bydawn.core.errors import Fenced, UsageError
from bydawn.core.fencing import Claim
from bydawn.gates.gate import Guarantee, PublishError, Steps, no_steps
from bydawn.gates.sql import SqlGate
from servers import Server

Connect = Callable[[], Any]


class SqlStand:
    """A table with one row. Each write and each read has a connection of its own."""

    points = ("read", "installed", "applied", "committed")

    def __init__(self, connect: Connect, mark: str) -> None:
        self._connect, self._mark = connect, mark
        self.connections: list[Any] = []
        first = self.connect()
        first.cursor().execute("CREATE TABLE page (id INTEGER PRIMARY KEY, content TEXT)")
        first.cursor().execute("INSERT INTO page VALUES (1, NULL)")
        first.commit()
        self._subject = "lease:site-a"

    def connect(self) -> Any:
        self.connections.append(self._connect())
        return self.connections[-1]

    def gate(self, steps: Steps = no_steps) -> SqlGate:
        return SqlGate(self.connect(), self._subject, steps)

    def write(
        self, claim: Claim, content: str, steps: Steps = no_steps, has_history: bool = False
    ) -> bool:
        del has_history
        self._subject = claim.subject
        connection = self._connect()
        statement = f"UPDATE page SET content = {self._mark} WHERE id = 1"
        gate = SqlGate(connection, claim.subject, steps)
        try:
            return gate.execute(claim, statement, (content,), effect=claim.effect_key)
        finally:
            connection.close()

    def read(self) -> str | None:
        connection = self._connect()
        try:
            cursor = connection.cursor()
            cursor.execute("SELECT content FROM page")
            found: str | None = cursor.fetchone()[0]
            return found
        finally:
            connection.close()

    def everything(self) -> object:
        connection = self._connect()
        try:
            cursor = connection.cursor()
            cursor.execute("SELECT * FROM bydawn_fence")
            return cursor.fetchall(), self.read()
        finally:
            connection.close()

    def was_outrun(self, error: PublishError) -> bool:
        del error
        return False

    def damage(self) -> None:
        raise NotImplementedError

    def forget(self) -> None:
        raise NotImplementedError

    def close(self) -> None:
        for connection in self.connections:
            connection.close()


class TestSqlite(GateContract):
    rounds = 30

    @pytest.fixture
    def stand(self, tmp_path: Path) -> Iterator[Stand]:
        made = SqlStand(lambda: sqlite3.connect(tmp_path / "u.db", timeout=30), "?")
        yield made
        made.close()


class TestSqliteInAutocommit(TestSqlite):
    @pytest.fixture
    def stand(self, tmp_path: Path) -> Iterator[Stand]:
        path = tmp_path / "u.db"
        made = SqlStand(lambda: sqlite3.connect(path, timeout=30, isolation_level=None), "?")
        yield made
        made.close()


class TestPostgres(GateContract):
    rounds = 30

    @pytest.fixture
    def stand(self, postgres_server: Server) -> Iterator[Stand]:
        url = postgres_server.database()
        made = SqlStand(lambda: psycopg.connect(url), "%s")
        yield made
        made.close()


class TestPostgresInAutocommit(TestPostgres):
    @pytest.fixture
    def stand(self, postgres_server: Server) -> Iterator[Stand]:
        url = postgres_server.database()
        made = SqlStand(lambda: psycopg.connect(url, autocommit=True), "%s")
        yield made
        made.close()


@pytest.fixture
def connection(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    made = sqlite3.connect(tmp_path / "u.db")
    made.execute("CREATE TABLE t (x)")
    made.commit()
    yield made
    made.close()


def _rows(connection: sqlite3.Connection) -> list[Any]:
    found = [row[0] for row in connection.execute("SELECT x FROM t ORDER BY x")]
    connection.rollback()
    return found


def test_it_is_one_commit(connection: sqlite3.Connection) -> None:
    assert SqlGate(connection, "lease:a").guarantee is Guarantee.TRANSACTIONAL


def test_without_an_effect_each_statement_is_its_own(connection: sqlite3.Connection) -> None:
    gate = SqlGate(connection, "lease:a")
    for _ in range(3):
        assert gate.execute(claim(1, "lease:a"), "INSERT INTO t VALUES (1)")
    assert _rows(connection) == [1, 1, 1]


def test_effects_happen_once_each(connection: sqlite3.Connection) -> None:
    gate = SqlGate(connection, "lease:a")
    done = [
        gate.execute(claim(n, "lease:a"), "INSERT INTO t VALUES (?)", (n,), effect=effect)
        for n, effect in enumerate("abab", 1)
    ]
    assert done == [True, True, False, False]
    assert _rows(connection) == [1, 2]


def test_several_statements_are_kept_together_or_not_at_all(connection: sqlite3.Connection) -> None:
    gate = SqlGate(connection, "lease:a")
    with gate.transaction(claim(2, "lease:a")) as cursor:
        cursor.execute("INSERT INTO t VALUES (1)")
        cursor.execute("INSERT INTO t VALUES (2)")
    with pytest.raises(ZeroDivisionError), gate.transaction(claim(3, "lease:a")) as cursor:
        _insert_and_fail(cursor)
    with pytest.raises(Fenced), gate.transaction(claim(1, "lease:a")) as cursor:
        _insert_and_fail(cursor)
    assert _rows(connection) == [1, 2]
    seen = gate.look()
    assert seen is not None
    assert seen.claim.token == 2


def _insert_and_fail(cursor: Any) -> None:
    cursor.execute("INSERT INTO t VALUES (3)")
    raise ZeroDivisionError


def test_a_failing_statement_leaves_no_fence_behind(connection: sqlite3.Connection) -> None:
    gate = SqlGate(connection, "lease:a")
    with pytest.raises(sqlite3.OperationalError):
        gate.execute(claim(5, "lease:a"), "INSERT INTO nowhere VALUES (1)", effect="e")
    assert gate.look() is None
    assert gate.execute(claim(4, "lease:a"), "INSERT INTO t VALUES (1)", effect="e")


def test_what_the_user_left_open_is_not_committed(connection: sqlite3.Connection) -> None:
    connection.execute("INSERT INTO t VALUES ('half')")
    with pytest.raises(UsageError, match="inside a transaction"):
        SqlGate(connection, "lease:a").execute(claim(1, "lease:a"), "INSERT INTO t VALUES (1)")
    connection.rollback()
    assert _rows(connection) == []


def test_subjects_do_not_know_each_other(connection: sqlite3.Connection) -> None:
    SqlGate(connection, "lease:a").execute(claim(9, "lease:a"), "INSERT INTO t VALUES (1)")
    SqlGate(connection, "lease:b").execute(claim(1, "lease:b"), "INSERT INTO t VALUES (2)")
    assert _rows(connection) == [1, 2]


def test_a_subclass_of_a_drivers_connection_is_known(tmp_path: Path) -> None:
    class Mine(sqlite3.Connection):
        pass

    with pytest.MonkeyPatch.context():
        connection = sqlite3.connect(tmp_path / "u.db", factory=Mine)
        gate = SqlGate(connection, "lease:a")
        assert gate.execute(claim(1, "lease:a"), "CREATE TABLE t (x)")
        connection.close()


def test_anything_else_is_refused() -> None:
    with pytest.raises(UsageError, match="no DB-API connection"):
        SqlGate(object(), "lease:a")


class _NamedConnection:
    """SQLite behind a driver that only takes ``:name`` parameters."""

    __module__ = "named_driver"

    def __init__(self, inner: sqlite3.Connection) -> None:
        self._inner = inner

    def cursor(self) -> Any:
        return _NamedCursor(self._inner.cursor())

    def commit(self) -> None:
        self._inner.commit()

    def rollback(self) -> None:
        self._inner.rollback()


class _NamedCursor:
    def __init__(self, inner: sqlite3.Cursor) -> None:
        self._inner = inner

    def execute(self, sql: str, parameters: Any = ()) -> None:
        assert "?" not in sql
        assert not parameters or isinstance(parameters, dict)
        self._inner.execute(sql, parameters)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)


def test_a_driver_with_named_parameters(
    connection: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    import sys
    import types

    driver = types.ModuleType("named_driver")
    driver.paramstyle = "named"  # type: ignore[attr-defined]
    driver.Error = sqlite3.Error  # type: ignore[attr-defined]
    driver.IntegrityError = sqlite3.IntegrityError  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "named_driver", driver)
    gate = SqlGate(_NamedConnection(connection), "lease:a")
    assert gate.execute(claim(2, "lease:a"), "INSERT INTO t VALUES (:x)", {"x": 1})
    with pytest.raises(Fenced):
        gate.execute(claim(1, "lease:a"), "INSERT INTO t VALUES (:x)", {"x": 2})
    assert _rows(connection) == [1]
