"""Statements of a message that holds several: their parameters stand in their text."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import psycopg
from psycopg.pq import Escaping

from bydawn.store.connect import Row, Statement
from bydawn.store.dialect import filled, given_to, spoken
from bydawn.store.server import BEGIN


class Texts:
    """Those of one connection. A server that is known is told of a statement once, and then only
    its name."""

    def __init__(self, connection: psycopg.Connection[Row]) -> None:
        self._connection = connection
        self._told: dict[str, str] = {}

    def message(self, statements: Sequence[Statement], is_known: bool) -> str:
        """A transaction of these statements, not ended yet."""
        write = self._short if is_known else self._full
        texts = (write(sql, self._literals(sql, given)) for sql, given in statements)
        return "; ".join([BEGIN, *texts])

    def _full(self, sql: str, literals: list[str]) -> str:
        return filled(spoken(sql), literals)

    def _short(self, sql: str, literals: list[str]) -> str:
        told = self._told.get(sql)
        if told is None:
            told = self._told[sql] = f"bydawn_{len(self._told)}"
            words = f"PREPARE {told} AS {spoken(sql).sql}"
            self._connection.cursor().execute(words.encode(), prepare=False)
        return f"EXECUTE {told}({', '.join(literals)})" if literals else f"EXECUTE {told}"

    def _literals(self, sql: str, parameters: Sequence[Any]) -> list[str]:
        """Quoted by the library's own rule."""
        return [self._literal(value) for value in given_to(spoken(sql), parameters)]

    def _literal(self, value: str | int | None) -> str:
        if isinstance(value, str):
            return Escaping(self._connection.pgconn).escape_literal(value.encode()).decode()
        return "NULL" if value is None else str(int(value))
