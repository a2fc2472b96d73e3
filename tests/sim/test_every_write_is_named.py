"""A write that goes past the points is never died at. So every commit that a runner makes, as the
engine itself sees it, must have been made inside of a point, on both stores.
"""

from __future__ import annotations

import sqlite3
import traceback
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import psycopg
import pytest
from doomed import KINDS, SMALL, survive
from psycopg import pq
from test_crash_points_postgres import opener_at

from bydawn.runner import runner
from bydawn.store.ahead import Ahead
from bydawn.store.server import Line
from bydawn.store.sqlite import SqliteSession
from bydawn.store.store import Store
from bydawn.testing import crashpoints
from bydawn.testing.ground import Opener
from bydawn.testing.remote import Troubles
from servers import Server, wind_leases_by_hand

pytestmark = pytest.mark.wide

PAST_THE_POINTS = "UPDATE sequence SET value = value + 1 WHERE name = 'nobody'"
_READS = ("SELECT", "PRAGMA", "BEGIN", "SAVEPOINT", "RELEASE", "ROLLBACK", "PREPARE", "DEALLOCATE")


@dataclass
class Watch:
    """Everything that runners made durable, and whether it was named."""

    named: list[str] = field(default_factory=list)
    nameless: list[str] = field(default_factory=list)

    def saw(self, sql: str, is_inside: bool) -> None:
        """One message to the engine; ``is_inside`` a transaction."""
        words = sql.lstrip().upper()
        if not words.endswith("COMMIT") and (is_inside or words.startswith(_READS)):
            return
        files = {frame.f_code.co_filename for frame, _ in traceback.walk_stack(None)}
        if runner.__file__ in files:
            (self.named if crashpoints.__file__ in files else self.nameless).append(sql)


@pytest.fixture
def watch(monkeypatch: pytest.MonkeyPatch) -> Watch:
    """Stands between the product and both engines."""
    watching = Watch()
    opened, executed, sent = SqliteSession.__init__, psycopg.RawCursor.execute, Ahead.send
    at_once = Line.results

    def traced(self: Any, connection: sqlite3.Connection, *more: Any) -> None:
        opened(self, connection, *more)
        connection.set_trace_callback(lambda sql: watching.saw(sql, connection.in_transaction))

    def heard(self: Any, query: bytes | str, *more: Any, **named: Any) -> Any:
        idle = self.connection.info.transaction_status == pq.TransactionStatus.IDLE
        watching.saw(query if isinstance(query, str) else query.decode(), not idle)
        return executed(self, query, *more, **named)

    def heard_ahead(self: Any, sql: str, *more: Any) -> Any:
        watching.saw(sql, is_inside=True)
        return sent(self, sql, *more)

    def heard_at_once(self: Any, message: str) -> Any:
        watching.saw(message, is_inside=False)
        return at_once(self, message)

    monkeypatch.setattr(Line, "results", heard_at_once)
    monkeypatch.setattr(SqliteSession, "__init__", traced)
    monkeypatch.setattr(psycopg.RawCursor, "execute", heard)
    monkeypatch.setattr(Ahead, "send", heard_ahead)
    return watching


@pytest.fixture(params=["SQLite", "PostgreSQL"])
def opener(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Opener | None]:
    if request.param == "SQLite":
        yield None
        return
    server: Server = request.getfixturevalue("postgres_server")
    wind_leases_by_hand(monkeypatch)
    with server.lending() as url:
        yield opener_at(url)


def test_no_commit_of_a_runner_is_without_its_point(watch: Watch, opener: Opener | None) -> None:
    survive(KINDS[0], Troubles(), frozenset({60}), opener, SMALL)
    assert len(watch.named) > 20
    assert not watch.nameless


def test_a_write_past_the_points_is_noticed(
    watch: Watch, opener: Opener | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = Store.write

    def also(self: Store, *more: Any) -> Any:
        self.session._session.change(PAST_THE_POINTS)  # type: ignore[attr-defined]
        return whole(self, *more)

    monkeypatch.setattr(Store, "write", also)
    survive(KINDS[0], Troubles(), frozenset(), opener, SMALL)
    assert watch.nameless
