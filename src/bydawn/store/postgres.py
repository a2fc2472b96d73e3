"""A store in PostgreSQL, for machines that share the work.

Every write transaction raises one row before it reads or counts anything, so writers go one after
another; group commit keeps that fast. Only rows that a claim of ours guards may be written before
that, and whoever waits with such rows in hand gives way soon (see ``order``). A transaction that
certainly did not take place is carried out again. A COMMIT whose answer was lost is looked up,
never repeated blindly. Nothing here lives longer than a transaction, so a pooler may stand in
between.
"""

from __future__ import annotations

import contextlib
import functools
import itertools
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import psycopg

from bydawn.core.clock import Clock
from bydawn.core.errors import UsageError
from bydawn.store.chain import Chain
from bydawn.store.connect import Row, Statement, T
from bydawn.store.dialect import NOW, defined
from bydawn.store.order import Order
from bydawn.store.outcome import Again, assure_kept, judged, repeated
from bydawn.store.questions import Questions
from bydawn.store.server import address_of
from bydawn.store.turns import VERSION
from bydawn.store.wire import Wire

PATIENCE_S = 120.0
_CHUNK = 2_000


class PostgresSession(Questions):
    """A Session over a server. It comes back by itself after the connection was lost."""

    host = ""  # a server is there for all of them
    picks = "\nFOR UPDATE SKIP LOCKED"

    def __init__(self, wire: Wire, clock: Clock) -> None:
        super().__init__(wire)
        self.clock = clock
        self.name = wire.name
        self.chain = Chain()
        self._order = Order(wire, self.chain)
        self._pid = os.getpid()
        self._seen, self._connection = self._version(), wire.connections

    def change(self, sql: str, parameters: Sequence[Any] = ()) -> int:
        if not self._is_writing:
            return self.transact(lambda: self.change(sql, parameters))
        return self._asked(sql, parameters).rowcount

    def change_many(self, sql: str, parameters: Iterable[Sequence[Any]]) -> int:
        """Many rows go in one statement, so none of them may touch the same row twice."""
        if not self._is_writing:
            given = list(parameters)
            return self.transact(lambda: self.change_many(sql, given))
        return self.send_many(sql, parameters)()

    def send_many(self, sql: str, parameters: Iterable[Sequence[Any]]) -> Callable[[], int]:
        assert self._is_writing, "only what is part of a transaction may be answered later"
        rows = iter(parameters)
        sent = []
        while chunk := list(itertools.islice(rows, _CHUNK)):
            sent.append(self._said(functools.partial(self._wire.send_rows, sql, chunk)))

        def counted() -> int:
            self._said(self._wire.hear)
            return sum(cursor.rowcount for cursor in sent)

        return counted

    def sending_all(self, sql: str, parameters: Iterable[Sequence[Any]]) -> Callable[[], None]:
        say, rows = super()._said, iter(parameters)
        ready = []
        while chunk := list(itertools.islice(rows, _CHUNK)):
            ready.append(self._wire.sending_all(sql, chunk))

        def send() -> None:
            assert self._is_writing, "only what is part of a transaction may be answered later"
            for one in ready:
                say(one)  # without lining up for it

        return send

    def added(self) -> int:
        found = self.row("SELECT lastval()")
        return int(found[0]) if found else 0

    def define(self, sql: str) -> None:
        self._said(lambda: self._wire.say(defined(sql)))

    def tables(self) -> set[str]:
        return self._put(self._wire.tables)

    def await_turn(self) -> None:
        assert self._is_writing, "turns are for transactions that write"
        self._said(self._order.await_turn)

    def transact(self, act: Callable[[], T]) -> T:
        assert os.getpid() == self._pid, "a store connection must not cross a fork"
        assert not self._is_writing, "a transaction inside a transaction"
        return repeated(self._wire, lambda: self._once(act))

    def at_once(self, changes: Sequence[Statement], question: Statement) -> Row | None:
        assert not self._is_writing, "a transaction inside a transaction"
        return repeated(self._wire, lambda: self._in_one_breath([*changes, question]))

    def in_passing(self, sql: str, parameters: Sequence[Any]) -> int:
        assert not self._is_writing, "a transaction inside a transaction"
        change = (self._worded(sql), parameters)
        return repeated(self._wire, lambda: self._without_a_turn(change))

    @contextlib.contextmanager
    def trying(self) -> Iterator[None]:
        self.await_turn()
        self._said(lambda: self._wire.send("SAVEPOINT trying"))
        try:
            with self.chain.trying():
                yield
                self._said(self._wire.hear)
        except Again:
            raise
        except BaseException:
            with contextlib.suppress(psycopg.Error):
                self._wire.hear()
            self.change("ROLLBACK TO trying")
            self.change("RELEASE trying")
            raise
        self._said(lambda: self._wire.send("RELEASE trying"))

    @contextlib.contextmanager
    def reading(self) -> Iterator[None]:
        self._retried(lambda: self._wire.say("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"))
        self._is_reading = True
        try:
            yield
        except Again as again:
            raise self._wire.explained(again.why) from again
        finally:
            self._is_reading = False
            self._wire.roll_back()

    def changed_elsewhere(self) -> bool:
        version, connection = self._version(), self._wire.connections
        changed = (version, connection) != (self._seen, self._connection)
        self._seen, self._connection = version, connection
        return changed

    def hearing(self, ring: Callable[[], None]) -> contextlib.AbstractContextManager[object]:
        return contextlib.closing(self._wire.listener(self._order.mark.writer, ring))

    def lease_now(self) -> int:
        """Inside a write transaction the moment its turn came: no later, so nobody's lease is over
        too soon, and no lease that is granted is longer than asked for."""
        if self._is_writing:
            self.await_turn()
            return self._order.came_at
        found = self.row(f"SELECT {NOW}")
        assert found is not None
        return int(found[0])

    def lease_boot(self) -> str:
        return "server"

    def size_bytes(self) -> int:
        found = self.row("SELECT pg_database_size(current_database())")
        return int(found[0]) if found else 0

    def copy_to(self, target: Path) -> None:
        raise UsageError(f"{self.name}: {target.name} was not written", "use pg_dump to back it up")

    def close(self) -> None:
        mark = self._order.mark
        if mark.number and not self._wire.is_broken():
            with contextlib.suppress(psycopg.Error):
                self._wire.say(mark.forgotten())
        self._wire.close()

    def _once(self, act: Callable[[], T]) -> T:
        """Carry it out; raises Again where it certainly was not kept and may be repeated."""
        self._begin()
        self._is_writing = True
        try:
            result = act()
            self.await_turn()
            self._commit()
        except BaseException:
            self._wire.roll_back()
            self._wire.is_contended = False  # the next one asks for its turn before all else
            raise
        finally:
            self._is_writing = False
        self._note()
        return result

    def _in_one_breath(self, statements: Sequence[Statement]) -> Row | None:
        try:
            self._wire.connect_again()
            worded = [(self._worded(sql), given) for sql, given in statements]
            turn, answer = self._wire.say_to_the_end(worded)
        except psycopg.Error as error:
            raise self._undone(error) from error
        self._order.take(turn)
        self._note()
        return answer

    def _without_a_turn(self, change: Statement) -> int:
        try:
            self._wire.connect_again()
            return self._wire.say_in_passing(change)
        except psycopg.Error as error:
            raise self._undone(error) from error

    def _undone(self, error: psycopg.Error) -> Exception:
        """What a word means that leaves nothing of the transaction."""
        found = judged(self._wire, error)
        self._wire.roll_back()
        return found

    def _begin(self) -> None:
        try:
            self._order.begin()
        except psycopg.Error as error:
            raise self._undone(error) from error
        self.chain.begin(lambda: self._said(self._order.last))

    def _said(self, say: Callable[[], T]) -> T:
        """Whoever writes is in the order of all writers when it says something."""
        if self._is_writing:
            super()._said(self._order.line_up)
        return super()._said(say)

    def _commit(self) -> None:
        try:
            said = self._end()
        except psycopg.Error as error:
            assure_kept(self._wire, self._order.mark, error)
        else:
            assert said == "COMMIT", "an error inside a transaction was swallowed"

    def _end(self) -> str:
        if self._wire.is_contended:
            return self._wire.commit_and_flush(self._order.mark.writer)
        return self._wire.commit()

    def _note(self) -> None:
        """It was kept. Where nobody wrote in between, nothing has changed elsewhere."""
        version = self._order.number
        if version == self._seen + 1:
            self._seen = version
        self._wire.is_contended = 0 < self._wire.committed < version - 1
        self._wire.committed = max(self._wire.committed, version)
        if not self._wire.is_ordered:
            self._retried(self._wire.look_around)

    def _version(self) -> int:
        found = self.row(VERSION) if self._wire.is_ordered else None
        return int(found[0]) if found else 0


def open_postgres(url: str, clock: Clock, patience_s: float = PATIENCE_S) -> PostgresSession:
    """Reach the server, or say why not. A schema that is not ours is never touched."""
    wire = Wire(address_of(url), patience_s)
    wire.refuse_foreign()
    return PostgresSession(wire, clock)
