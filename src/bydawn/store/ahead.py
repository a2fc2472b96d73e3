"""What is sent ahead inside a transaction, before the answers to what came earlier are there.

The library's own pipeline lets each statement go as it is said, and the server wakes for each. Most
cost it less than that: here small ones wait for company, until something is asked or there are
enough of them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

import psycopg
from psycopg import adapt, errors, pq
from psycopg.abc import Transformer

from bydawn.store.connect import Row
from bydawn.store.server import Line, Waiting, next_result

_ENOUGH_BYTES = 4_096
_PREPARED_FROM = 2
# A word like COMMIT, of so many letters, is understood as soon as a name of it would be.
_SOON_UNDERSTOOD = 50
# More texts than a runner says again and again; the others are understood anew each time.
_MOST_PREPARED = 200


class Answer:
    """What the server says to one statement; empty until it was heard, and where that was an
    error."""

    def __init__(self, transformer: Transformer, result: pq.abc.PGresult | None = None) -> None:
        self._transformer, self._result = transformer, result

    @property
    def is_heard(self) -> bool:
        return self._result is not None

    @property
    def has_rows(self) -> bool:
        return self._result is not None and self._result.status == pq.ExecStatus.TUPLES_OK

    @property
    def rowcount(self) -> int:
        found = self._result.command_tuples if self._result else None
        return -1 if found is None else found

    @property
    def statusmessage(self) -> str:
        """The server's own word for what it did."""
        return ((self._result and self._result.command_status) or b"").decode()

    def fetchall(self) -> list[Row]:
        if not self._result:
            return []
        self._transformer.set_pgresult(self._result)
        return self._transformer.load_rows(0, self._result.ntuples, tuple)

    def fetchone(self) -> Row | None:
        return next(iter(self), None)

    def __iter__(self) -> Iterator[Row]:
        return iter(self.fetchall())

    def hear(self, result: pq.abc.PGresult) -> None:
        self._result = result


def said_at_once(line: Line, message: str) -> list[Answer]:
    """What the server says to each of several statements in one message."""
    transformer: Transformer = adapt.Transformer(line)
    return [Answer(transformer, result) for result in line.results(message)]


class Prepared:
    """What the process at the other end of one connection understands by its name."""

    def __init__(self) -> None:
        self._names: dict[str, bytes] = {}
        self._said: Counter[str] = Counter()
        self._count = 0

    def name_of(self, sql: str) -> bytes | None:
        return self._names.get(sql)

    def new_name(self, sql: str) -> bytes | None:
        """A name for what is said again; one is never given twice."""
        self._said[sql] += 1
        if self._said[sql] < _PREPARED_FROM or self._count == _MOST_PREPARED:
            return None
        self._count += 1
        self._names[sql] = b"bydawn_a%d" % self._count
        return self._names[sql]

    def forget(self, sql: str) -> None:
        """It was not understood."""
        self._names.pop(sql, None)
        self._said.pop(sql, None)


class _Preparing(Answer):
    """To a statement that is only given a name."""

    def __init__(self, transformer: Transformer, prepared: Prepared, sql: str) -> None:
        super().__init__(transformer)
        self._prepared, self._sql = prepared, sql

    def hear(self, result: pq.abc.PGresult) -> None:
        if result.status != pq.ExecStatus.COMMAND_OK:
            self._prepared.forget(self._sql)


class Ahead:
    """One stretch of a transaction in which statements are sent ahead; ``prepared`` where they may
    be."""

    def __init__(self, line: Line, prepared: Prepared | None) -> None:
        self._line, self._server, self._prepared = line, line.pgconn, prepared
        self._transformer: Transformer = adapt.Transformer(line)
        self._unheard: list[Answer] = []
        self._unsent = self._coming = 0
        self._server.enter_pipeline_mode()

    def send(self, sql: str, parameters: Sequence[Any]) -> Answer:
        """Say a statement and go on; the answer is there after ``hear``."""
        given = [_written(value) for value in parameters]
        name = self._name_of(sql) if given or len(sql) > _SOON_UNDERSTOOD else None
        if name:
            self._server.send_query_prepared(name, given)
        else:
            self._server.send_query_params(sql.encode(), given)
        answer = Answer(self._transformer)
        self._unheard.append(answer)
        self._go(sum(map(len, filter(None, given))) + (0 if name else len(sql)))
        return answer

    def answer_now(self) -> None:
        """Have the server answer to all that was sent before it turns to what comes behind."""
        self._server.send_flush_request()
        self._coming = len(self._unheard)

    def hear_to(self, last: Answer) -> None:
        """Wait for this answer and all before it; and for those behind it only where it was not to
        come now. Raises the first that is an error."""
        if last.is_heard:
            return
        count = self._unheard.index(last) + 1
        if count <= self._coming:
            heard, self._unheard = self._unheard[:count], self._unheard[count:]
            self._coming, self._unsent = self._coming - count, 0
            self._line.wait(self._heard(heard))
        else:
            self.hear()

    def hear(self) -> None:
        """Wait for the answers to all that was sent; raises the first that is an error."""
        if self._unheard:
            self._server.pipeline_sync()
            unheard, self._unheard = self._unheard, []
            self._coming = self._unsent = 0
            self._line.wait(self._heard_all(unheard))

    def leave(self) -> None:
        """Hear, and send nothing ahead any more. A line on which answers would be left is cut."""
        try:
            self.hear()
        finally:
            try:
                self._server.exit_pipeline_mode()
            except psycopg.OperationalError:
                self._line.close()

    def _name_of(self, sql: str) -> bytes | None:
        if self._prepared is None:
            return None
        name = self._prepared.name_of(sql)
        if name is None and (name := self._prepared.new_name(sql)):
            self._server.send_prepare(name, sql.encode())
            self._unheard.append(_Preparing(self._transformer, self._prepared, sql))
        return name

    def _go(self, added: int) -> None:
        """What does not fit on its way now goes when answers are waited for."""
        self._unsent += added
        if self._unsent >= _ENOUGH_BYTES:
            self._unsent = 0
            self._server.flush()

    def _heard_all(self, unheard: list[Answer]) -> Waiting[None]:
        first = yield from self._first_error(unheard)
        end = yield from next_result(self._server)
        if first is not None:
            raise errors.error_from_result(first)
        if end is None or end.status != pq.ExecStatus.PIPELINE_SYNC:
            raise psycopg.OperationalError(self._server.get_error_message())

    def _heard(self, unheard: list[Answer]) -> Waiting[None]:
        first = yield from self._first_error(unheard)
        if first is not None:
            raise errors.error_from_result(first)
        if not unheard[-1].is_heard:
            raise psycopg.OperationalError(self._server.get_error_message())

    def _first_error(self, unheard: list[Answer]) -> Waiting[pq.abc.PGresult | None]:
        """Hear so many answers; the first of them that is an error."""
        first: pq.abc.PGresult | None = None
        for answer in unheard:
            result = yield from next_result(self._server)
            if result is None:
                break
            answer.hear(result)
            if first is None and result.status == pq.ExecStatus.FATAL_ERROR:
                first = result
            yield from next_result(self._server)  # which says that this was all
        return first


def _written(value: str | int | None) -> bytes | None:
    if isinstance(value, str):
        return value.encode()
    return None if value is None else b"%d" % value
