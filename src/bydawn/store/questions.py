"""What is asked of a PostgreSQL server: inside a transaction once, outside of one again after the
connection was lost."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import psycopg

from bydawn.store.ahead import Answer
from bydawn.store.connect import Row, T
from bydawn.store.dialect import spoken
from bydawn.store.outcome import Again, judged
from bydawn.store.wire import Wire


class Questions:
    """The part of a Session over a server that asks."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire
        self._is_writing = self._is_reading = False

    def rows(self, sql: str, parameters: Sequence[Any] = ()) -> list[Row]:
        return self._asked(sql, parameters).fetchall()

    def each(self, sql: str, parameters: Sequence[Any] = ()) -> Iterator[Row]:
        yield from self._asked(sql, parameters)

    def row(self, sql: str, parameters: Sequence[Any] = ()) -> Row | None:
        return self._asked(sql, parameters).fetchone()

    def asking(self, sql: str, parameters: Sequence[Any] = ()) -> Callable[[], list[Row]]:
        assert self._is_writing, "only what is part of a transaction may be answered later"
        cursor = self._said(lambda: self._wire.send_question(spoken(self._worded(sql)), parameters))

        def answered() -> list[Row]:
            self._said(self._wire.hear)
            return cursor.fetchall()

        return answered

    def _worded(self, sql: str) -> str:
        return sql  # a test has leases counted by a clock that it winds

    def _asked(self, sql: str, parameters: Sequence[Any]) -> psycopg.Cursor[Row] | Answer:
        def ask() -> psycopg.Cursor[Row] | Answer:
            return self._wire.ask(spoken(self._worded(sql)), parameters)

        return self._put(ask)

    def _put(self, question: Callable[[], T]) -> T:
        """Inside a transaction never over a new connection, where it would go on outside of it."""
        is_inside = self._is_writing or self._is_reading
        return self._said(question) if is_inside else self._retried(question)

    def _retried(self, question: Callable[[], T]) -> T:
        """A question outside of transactions may be asked again after the connection was lost."""
        for pause in self._wire.pauses():
            try:
                self._wire.connect_again()
                return question()
            except psycopg.Error as error:
                found, last = judged(self._wire, error), error
                if not isinstance(found, Again):
                    raise found from error
            time.sleep(pause)
        raise self._wire.explained(last) from None

    def _said(self, say: Callable[[], T]) -> T:
        """A statement inside a transaction."""
        try:
            return say()
        except psycopg.Error as error:
            raise judged(self._wire, error) from error
