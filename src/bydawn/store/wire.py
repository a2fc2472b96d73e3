"""The connection to a PostgreSQL server: it comes back when it was lost, and knows its store."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import psycopg
from psycopg import pq

from bydawn.core.errors import BydawnError, StoreRefused
from bydawn.store.ahead import Ahead, Answer, Prepared, said_at_once
from bydawn.store.connect import Row, Statement
from bydawn.store.dialect import Spoken, given_to
from bydawn.store.listening import Listener, channel_of
from bydawn.store.many import Many, each_matched
from bydawn.store.server import (
    BEGIN,
    COMMIT_S,
    NOT_PREPARED,
    Address,
    connect,
    explained,
    is_hopeless,
    may_replay,
    opening_words,
    pauses,
)
from bydawn.store.texts import Texts
from bydawn.store.turns import turn_under

FIRST_PATIENCE_S = 3.0
# So many transactions were answered by the process that greeted before anything is prepared there.
_ACQUAINTED = 5
_PREPARED_FROM = 2

_OURS = frozenset({"migration", "meta", "sequence"})
_TABLES = "SELECT tablename FROM pg_catalog.pg_tables WHERE schemaname = current_schema()"
_PARAMETERS = """
SELECT parameter_types::oid[] FROM pg_prepared_statements WHERE name = 'bydawn_types'"""
_TYPES = {16: "boolean", 20: "bigint", 21: "bigint", 23: "bigint", 25: "text", 1043: "text"}
_STANDING = """
SELECT (SELECT value FROM meta WHERE name = 'store_id'),
    (SELECT value FROM sequence WHERE name = 'version')"""


class Wire:
    """Raises psycopg's own errors, but for a server that must not be used.

    ``is_ordered`` says that the store's tables are there; ``committed`` is the newest version this
    process knows to be kept, ``connections`` how many it has had. While ``is_contended`` others are
    let in before the disk is waited for.
    """

    def __init__(self, address: Address, patience_s: float) -> None:
        self.name = address.name
        self.is_ordered = False
        self.is_contended = False
        self.committed = self.connections = 0
        self._address, self._patience_s = address, patience_s
        self._store_id: str | None = None
        self._many = Many(self._types_of)
        self._ahead: Ahead | None = None
        self._met = 0
        self._connect_first()

    def ask(self, sql: Spoken, parameters: Sequence[Any] = ()) -> psycopg.Cursor[Row] | Answer:
        """Say a statement and wait for its answer; and for those to all that was sent before."""
        if self._ahead is None:
            return self._connection.cursor().execute(sql.sql.encode(), given_to(sql, parameters))
        answer = self.send_question(sql, parameters)
        self.hear()
        return answer

    def send_question(self, sql: Spoken, parameters: Sequence[Any] = ()) -> Answer:
        """As ``send`` for what may hold patterns."""
        return self.send(sql.sql, given_to(sql, parameters))

    def send(self, sql: str, parameters: Sequence[Any] = ()) -> Answer:
        """Say a statement of a transaction and go on; the answer is there after ``hear``."""
        if self._ahead is None:
            is_known = self._met >= _ACQUAINTED
            self._ahead = Ahead(self._connection, self._prepared if is_known else None)
        return self._ahead.send(sql, parameters)

    def send_rows(self, sql: str, rows: Sequence[Sequence[Any]]) -> Answer:
        """Send one statement for many rows at once."""
        return self.send(*self._many.worded(sql, rows))

    def sending_all(self, sql: str, rows: Sequence[Sequence[Any]]) -> Callable[[], object]:
        """What sends an UPDATE for many rows, which is an error unless each of them is there;
        worded now, once its types are known."""

        def worded() -> tuple[str, list[Any]]:
            text, given = self._many.worded(sql, rows)
            return each_matched(text, len(given) + 1), [*given, len(rows)]

        ready = worded() if self._many.knows(sql) else None
        return lambda: self.send(*(ready or worded()))

    def hear(self) -> None:
        """Wait for the answers to all that was sent; raises the first that is an error."""
        if self._ahead is not None:
            self._ahead.hear()

    def _hear_out(self) -> None:
        """Hear, and send nothing ahead any more."""
        ahead, self._ahead = self._ahead, None
        if ahead is not None:
            ahead.leave()

    def say(self, sql: str) -> psycopg.Cursor[Row]:
        """One or several statements without parameters; the cursor stands at the first answer."""
        self._hear_out()
        return self._connection.cursor().execute(sql.encode(), prepare=False)

    def commit(self) -> str:
        """End the transaction for good, together with what was sent and is not heard of yet: where
        that is wrong, the server skips the COMMIT. Its own word for how it ended."""
        with self._connection.answering_within(COMMIT_S):
            said = self.send("COMMIT") if self._ahead else self.say("COMMIT")
            self._hear_out()
            return said.statusmessage or ""

    def commit_and_flush(self, writer: str) -> str:
        """As ``commit``, but others are let in before the disk is waited for: by another
        transaction, which writes the mark of this writer once more. The answer to the COMMIT
        alone is worth nothing then: the line is cut where the other one fails, so that it is
        looked up."""
        with self._connection.answering_within(COMMIT_S):
            said = self.send("COMMIT")
            try:
                self._send_flush(writer)
                self._hear_out()
            except psycopg.Error:
                if said.statusmessage:
                    self._connection.close()
                raise
            return said.statusmessage or ""

    def flush(self, writer: str) -> None:
        """Wait until what was committed until now is kept for good."""
        self._send_flush(writer)
        self._hear_out()

    def _send_flush(self, writer: str) -> None:
        must = f"({self._opening.strictly}) AS must"
        self.send(f"UPDATE meta SET value = value FROM {must} WHERE name = $1", [writer])

    def meet(self, pid: int) -> None:
        """Who answers. Statements are prepared for a process that is always the one that greeted:
        a pooler greets with a number of its own, and what is prepared over it may be anywhere."""
        is_same = pid == self._connection.info.backend_pid
        self._met = self._met + 1 if is_same and self._met >= 0 else -1
        if self._met == _ACQUAINTED:
            self._connection.prepare_threshold = _PREPARED_FROM
        elif self._met < 0:
            self._prepare_no_more()

    def may_replay(self, error: psycopg.Error) -> bool:
        """Whether what failed was certainly not kept, and may go better the next time."""
        if isinstance(error, NOT_PREPARED):
            self._prepare_no_more()
        return may_replay(error, self.is_broken() and not is_hopeless(error))

    def _prepare_no_more(self) -> None:
        self._met = -1
        self._connection.prepare_threshold = None

    def _types_of(self, spoken_sql: str) -> list[str]:
        """The types of a statement's parameters; only inside a transaction. The server itself says
        it: prepared, asked about and let go again."""
        self.say(f"PREPARE bydawn_types AS {spoken_sql}")
        (kinds,) = self.say(_PARAMETERS).fetchone() or ((),)
        self.say("DEALLOCATE bydawn_types")
        return [_TYPES[kind] for kind in kinds]

    def begin(self) -> None:
        """Begin a write transaction and go on."""
        self.send(BEGIN)
        self.send(self._opening.contended if self.is_contended else self._opening.usual)

    def answer_now(self) -> None:
        """Have all that was sent answered to before what is sent behind it; not over a pooler,
        some of which do not know the word."""
        if self._ahead and self._met >= _ACQUAINTED:
            self._ahead.answer_now()

    def hear_to(self, last: Answer) -> None:
        """Wait for this answer and all before it; for others only where it was not to come now."""
        if self._ahead:
            self._ahead.hear_to(last)

    def say_to_the_end(self, statements: Sequence[Statement]) -> list[Row | None]:
        """A whole write transaction in one message; the first row of each answer that has rows."""
        message = self._whole(turn_under(self._opening.brief), statements)
        with self._connection.answering_within(COMMIT_S):
            answers = said_at_once(self._connection, message)
        return [answer.fetchone() for answer in answers if answer.has_rows]

    def say_in_passing(self, change: Statement) -> int:
        """A whole transaction of one change in one message; what is kept may be lost with the
        server's power. How many rows were changed."""
        message = self._whole(self._opening.passing, [change])
        with self._connection.answering_within(COMMIT_S):
            _, opened, changed, _ = said_at_once(self._connection, message)
        *_, pid = opened.fetchone() or (0,)
        self.meet(pid)
        return changed.rowcount

    def _whole(self, opening: str, statements: Sequence[Statement]) -> str:
        words = [(opening, ()), *statements]
        return f"{self._texts.message(words, self._met >= _ACQUAINTED)}; COMMIT"

    def tables(self) -> set[str]:
        return {str(row[0]) for row in self.say(_TABLES)}

    def is_broken(self) -> bool:
        return self._connection.broken or self._connection.closed

    def connect_again(self) -> None:
        """Be connected: a broken connection is replaced."""
        if self.is_broken():
            self._connect()

    def roll_back(self) -> None:
        """Leave whatever transaction there is; a lost connection has done so by itself."""
        with contextlib.suppress(psycopg.Error):
            self._hear_out()
        with contextlib.suppress(psycopg.Error):
            if self._connection.info.transaction_status != pq.TransactionStatus.IDLE:
                self.say("ROLLBACK")

    def pauses(self) -> Iterator[float]:
        return pauses(self._patience_s)

    def explained(self, error: psycopg.Error) -> BydawnError:
        return explained(error, self.name)

    def look_around(self) -> None:
        """Whether the store is there, and whether it is the one it was and not older."""
        self._found = self.tables()
        self.is_ordered = "sequence" in self._found
        if not self.is_ordered:
            return
        store_id, version = self.say(_STANDING).fetchone() or (None, None)
        if self._store_id not in (None, store_id) or int(version or 0) < self.committed:
            raise StoreRefused(
                f"{self.name}: has gone back in time since it was written to: a backup was"
                " restored, or a replica without the last commits has taken over",
                "see what is true in the world before anything is started again",
            )
        self._store_id = store_id

    def refuse_foreign(self) -> None:
        """Refuse a schema that holds tables and not ours; fences of targets do not count."""
        found = {name for name in self._found if not name.startswith("bydawn_")}
        if found and not found >= _OURS:
            self.close()
            raise StoreRefused(
                f"{self.name}: its schema holds tables of another program",
                "name a database of its own for bydawn, or a schema by ?options=-csearch_path=NAME",
            )

    def told_by(self, writer: str) -> Statement:
        """What tells listeners of a write when it commits; part of its transaction."""
        return "SELECT pg_notify(?, ?)", (channel_of(self._store_id), writer)

    def listener(self, own: str, ring: Callable[[], None]) -> Listener:
        """Hears of the writes of others than ``own``."""
        return Listener(self._address, channel_of(self._store_id), own, ring)

    def close(self) -> None:
        self._connection.close()

    def _connect_first(self) -> None:
        """With less patience: a wrong address should be told soon."""
        for pause in pauses(min(FIRST_PATIENCE_S, self._patience_s)):
            try:
                return self._connect()
            except psycopg.Error as error:
                last = self.explained(error)
                if is_hopeless(error):
                    break
            time.sleep(pause)
        raise last

    def _connect(self) -> None:
        self._connection = connect(self._address)
        self._texts, self._prepared = Texts(self._connection), Prepared()
        self.connections += 1
        self._met = min(self._met, 0)
        try:
            self._opening = opening_words(self._connection, self.name)
            self.look_around()
        except BaseException:
            self._connection.close()
            raise
