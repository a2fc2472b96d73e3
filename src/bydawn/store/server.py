"""A PostgreSQL server as the store needs it: how it is reached, what is asked of it first, and its
words turned into ours. Never shows a password.
"""

from __future__ import annotations

import contextlib
import random
import time
from collections.abc import Generator, Iterator
from typing import Any, NamedTuple, TypeVar
from urllib.parse import quote

import psycopg
from psycopg import conninfo, errors, pq, waiting
from psycopg.types.numeric import IntLoader

from bydawn.core.errors import (
    BackendMissing,
    BydawnError,
    StoreRefused,
    StoreUnavailable,
    UsageError,
)

OLDEST = 13
# Longer than the server lets any statement of a transaction take; so the line, not it, is silent.
ANSWER_S = 75.0
COMMIT_S = 20.0
_FIRST_PAUSE_S = 0.02
_LONGEST_PAUSE_S = 5.0
_LOCK_WAIT = "10s"
# Less than the second after which a server looks whether two wait for each other.
_WAIT_WITH_ROWS = "500ms"
_STATEMENT_WAIT = "60s"
_IDLE_WAIT = "30s"
_WHERE_WE_GO_ON = {
    "idle_in_transaction_session_timeout": _IDLE_WAIT,
    "enable_seqscan": "off",
    "enable_bitmapscan": "off",
    "enable_hashjoin": "off",
    "enable_mergejoin": "off",
    "jit": "off",
    "plan_cache_mode": "force_generic_plan",
}
BEGIN = "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE"
_STRONG_COMMITS = ("on", "remote_apply")

# A dead peer is noticed in half a minute, where the address does not say otherwise.
_LINE = {
    "connect_timeout": "10",
    "keepalives": "1",
    "keepalives_idle": "10",
    "keepalives_interval": "5",
    "keepalives_count": "3",
    "tcp_user_timeout": "20000",
    "application_name": "bydawn",
}
_FIRST = """
SELECT current_setting('server_version_num')::int, pg_is_in_recovery(),
    current_setting('server_encoding'), current_schema(),
    current_setting('default_transaction_read_only'), current_setting('synchronous_commit')"""

# What was prepared is somewhere else: somebody has come in between without a word.
NOT_PREPARED = (errors.InvalidSqlStatementName, errors.DuplicatePreparedStatement)
# It did not take place, and the same again may well succeed.
_REPLAYABLE = (
    errors.SerializationFailure,
    errors.DeadlockDetected,
    errors.LockNotAvailable,
    errors.QueryCanceled,
    errors.AdminShutdown,
    errors.CrashShutdown,
    errors.CannotConnectNow,
    errors.IdleInTransactionSessionTimeout,
    errors.TooManyConnections,
    *NOT_PREPARED,
)
_HOPELESS = {
    "password": "check user and password; PGPASSFILE or PGSERVICE keep them out of the address",
    "does not exist": "create it, or correct the address",
    "pg_hba.conf": "let this host in, in the server's pg_hba.conf",
    "SSL": "check sslmode and the certificates in the address",
    "could not translate host name": "check the host in the address",
}


class Address(NamedTuple):
    """Where a store is. Only ``name`` may be shown."""

    parameters: dict[str, Any]
    name: str


def address_of(url: str) -> Address:
    """The parts of an address; its own text is not repeated when it is wrong."""
    try:
        given = conninfo.conninfo_to_dict(url)
    except psycopg.ProgrammingError:
        raise UsageError(
            "the postgresql:// address of the store cannot be read",
            "write postgresql://USER@HOST:PORT/DATABASE, with odd letters percent-encoded",
        ) from None
    return Address({**_LINE, **given}, _shown(given))


def _shown(given: dict[str, Any]) -> str:
    user = f"{quote(str(given['user']))}@" if given.get("user") else ""
    host = str(given.get("host") or "")
    port = f":{given['port']}" if given.get("port") else ""
    place = f"{host}{port}" if "/" not in host else port
    return f"postgresql://{user}{place}/{quote(str(given.get('dbname') or ''))}"


class _Whole(IntLoader):
    """Sums of whole numbers come as numeric; they are whole numbers still."""


T = TypeVar("T")
# What is waited for on a line, step by step.
Waiting = Generator[waiting.Wait, waiting.Ready, T]


class Line(psycopg.Connection[tuple[Any, ...]]):
    """A connection that is not waited for without end. What stands between us and the server may
    lose an answer and keep the line open, answering to the system's own questions; then nothing but
    a limit of ours helps. After ``answer_s`` of silence the line is cut, and with it what is known
    of what was said last."""

    answer_s = ANSWER_S

    @contextlib.contextmanager
    def answering_within(self, limit_s: float) -> Iterator[None]:
        """What is said in the body is waited for no longer than this."""
        before, self.answer_s = self.answer_s, min(limit_s, self.answer_s)
        try:
            yield
        finally:
            self.answer_s = before

    def results(self, message: str) -> list[pq.abc.PGresult]:
        """What the server says to each statement of a message; a cursor does more with each answer
        than most of them hold."""
        self.pgconn.send_query(message.encode())
        found: list[pq.abc.PGresult] = self.wait(_results_of(self.pgconn))
        return found

    def wait(self, gen: Any, *given: Any, **named: Any) -> Any:
        return super().wait(self._bounded(gen), *given, **named)

    def _bounded(self, gen: Generator[Any, int, Any]) -> Generator[Any, int, Any]:
        """Asked again, with 0 for nothing has come, several times a second."""
        heard_at = time.monotonic()
        try:
            wanted = next(gen)
            while True:
                ready = yield wanted
                if ready:
                    heard_at = time.monotonic()
                elif time.monotonic() - heard_at > self.answer_s:
                    self.pgconn.finish()
                    raise psycopg.OperationalError(f"no answer for {self.answer_s:g} s")
                wanted = gen.send(ready)
        except StopIteration as end:
            return end.value


def _results_of(server: pq.abc.PGconn) -> Waiting[list[pq.abc.PGresult]]:
    found: list[pq.abc.PGresult] = []
    while (result := (yield from next_result(server))) is not None:
        found.append(result)
    for result in found:
        if result.status == pq.ExecStatus.FATAL_ERROR:
            raise errors.error_from_result(result)
    return found


def next_result(server: pq.abc.PGconn) -> Waiting[pq.abc.PGresult | None]:
    """The next thing the server says, for ``Line.wait``; None where that was all."""
    while server.flush():
        if (yield waiting.Wait.RW) & waiting.Ready.R:
            server.consume_input()
    while server.is_busy():
        yield waiting.Wait.R
        server.consume_input()
    return server.get_result()


def connect(address: Address) -> Line:
    """One connection without any state of its own: nothing is left set, nothing is prepared."""
    connection = Line.connect(
        **address.parameters, autocommit=True, prepare_threshold=None,
        cursor_factory=psycopg.RawCursor,
    )  # fmt: skip
    connection.adapters.register_loader("numeric", _Whole)
    return connection


class Opening(NamedTuple):
    """What is said first in a write transaction: in one that goes on, in one that may wait for its
    turn with rows in hand and whose COMMIT lets others in before the disk is waited for, in one
    that is a single message to few rows, and in one of those that may be lost with the power; that
    one also asks who answers. ``strictly`` is a question that makes the transaction it is asked in
    wait for the disk."""

    usual: str
    contended: str
    strictly: str
    brief: str
    passing: str


def opening_words(connection: psycopg.Connection[tuple[Any, ...]], name: str) -> Opening:
    """How write transactions begin here. Refuses a server that must not be written to.

    The settings hold for one transaction, so they need no session of our own behind a pooler. The
    planner is kept to our indices: it knows little of a table that was filled a moment ago.
    """
    with connection.cursor() as cursor:
        cursor.execute(_FIRST)
        found = cursor.fetchone()
    assert found is not None
    version, is_replica, encoding, schema, is_read_only, commit = found
    if version < OLDEST * 10_000:
        raise StoreRefused(f"{name}: is PostgreSQL {version // 10_000}", f"use {OLDEST} or newer")
    if is_replica or is_read_only == "on":
        raise StoreRefused(f"{name}: is a replica or read-only", "name the primary server")
    if encoding != "UTF8":
        raise StoreRefused(f"{name}: keeps text as {encoding}", "use a database in UTF8")
    if schema is None:
        raise StoreRefused(
            f"{name}: its search path names no schema that exists",
            "create the schema, or correct search_path",
        )
    must = {
        "synchronous_commit": commit if commit in _STRONG_COMMITS else "on",
        "lock_timeout": _LOCK_WAIT,
        "statement_timeout": _STATEMENT_WAIT,
    }
    loose = {**must, "synchronous_commit": "off"}
    among_others = {**loose, "lock_timeout": _WAIT_WITH_ROWS}
    return Opening(
        usual=_setting({**must, **_WHERE_WE_GO_ON}),
        contended=_setting({**among_others, **_WHERE_WE_GO_ON}),
        strictly=_setting(must),
        brief=_setting(must),
        passing=f"{_setting(loose)}, pg_backend_pid()",
    )


def _setting(settings: dict[str, str]) -> str:
    listed = ", ".join(f"set_config('{key}', '{value}', true)" for key, value in settings.items())
    return f"SELECT {listed}"


def may_replay(error: psycopg.Error, is_broken: bool) -> bool:
    """Whether the whole transaction may be carried out again; it certainly was not kept."""
    return is_broken or isinstance(error, _REPLAYABLE)


def is_hopeless(error: psycopg.Error) -> bool:
    """Whether connecting again cannot help until a person has done something."""
    return any(words in str(error) for words in _HOPELESS)


def explained(error: psycopg.Error, name: str) -> BydawnError:
    """PostgreSQL's own words turned into ours, each with what to do."""
    text = " ".join(str(error).split())
    for words, remedy in _HOPELESS.items():
        if error.sqlstate is None and words in text:
            return BackendMissing(f"{name}: {text}", remedy)
    if isinstance(error, errors.InsufficientPrivilege | errors.ReadOnlySqlTransaction):
        return StoreRefused(f"{name}: may not be written ({text})", "grant it to this user")
    if isinstance(error, errors.UndefinedTable | errors.UndefinedColumn):
        return StoreRefused(f"{name}: is damaged ({text})", "restore a backup")
    if isinstance(error, errors.DiskFull):
        return StoreUnavailable(f"{name}: the disk is full", "make room, then try again")
    if isinstance(error, errors.LockNotAvailable):
        return StoreUnavailable(
            f"{name}: is busy: another process has held it for too long",
            "try again; pg_stat_activity shows who holds it",
        )
    return StoreUnavailable(f"{name}: {text}", "check the server, then try again")


def pauses(patience_s: float) -> Iterator[float]:
    """How long to wait before each next try, with jitter, until patience is over."""
    spent, pause = 0.0, _FIRST_PAUSE_S
    while True:
        yield (waited := pause * random.uniform(0.5, 1.5))
        spent += waited
        if spent >= patience_s:
            return
        pause = min(pause * 2, _LONGEST_PAUSE_S)
