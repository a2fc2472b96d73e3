"""The fence inside a database of the user's own: the record and the effect are one commit.

Works on any DB-API connection. Two small tables are made there when they are missing:
``bydawn_fence`` (the newest claim of each subject) and ``bydawn_effect`` (effects that happened).
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from types import ModuleType
from typing import Any

from bydawn.core.errors import UsageError
from bydawn.core.fencing import Claim, FenceRecord

_FENCE_TABLE = """
CREATE TABLE bydawn_fence (
    subject    VARCHAR(600) NOT NULL PRIMARY KEY,
    store      VARCHAR(64) NOT NULL,
    edition    VARCHAR(32) NOT NULL,
    token      BIGINT NOT NULL,
    nonce      VARCHAR(64) NOT NULL,
    effect_key VARCHAR(200) NOT NULL,
    writes     BIGINT NOT NULL
)"""
_EFFECT_TABLE = """
CREATE TABLE bydawn_effect (
    name  VARCHAR(600) NOT NULL PRIMARY KEY,
    token BIGINT NOT NULL
)"""
_PROBES = (
    ("SELECT count(*) FROM bydawn_fence WHERE token < 0", _FENCE_TABLE),
    ("SELECT count(*) FROM bydawn_effect WHERE token < 0", _EFFECT_TABLE),
)
# ``writes`` rises each time, so that a database which counts only changed rows counts this one.
_RAISE = """
UPDATE bydawn_fence SET edition = ?, token = ?, nonce = ?, effect_key = ?, writes = writes + 1
WHERE subject = ? AND store = ? AND (edition < ? OR (edition = ? AND (token < ?
    OR (token = ? AND nonce = ?))))"""
_READ = """
SELECT store, subject, token, nonce, edition, effect_key FROM bydawn_fence WHERE subject = ?"""
_FIRST = """
INSERT INTO bydawn_fence (subject, store, edition, token, nonce, effect_key, writes)
VALUES (?, ?, ?, ?, ?, ?, 1)"""
_REPLACE = """
UPDATE bydawn_fence SET store = ?, edition = ?, token = ?, nonce = ?, effect_key = ?,
    writes = writes + 1
WHERE subject = ?"""
_HAPPENED = "SELECT 1 FROM bydawn_effect WHERE name = ?"
_HAPPENS = "INSERT INTO bydawn_effect (name, token) VALUES (?, ?)"

_MARKS = {"qmark": "?", "format": "%s", "pyformat": "%s"}


class ForeignDatabase:
    """A connection of the user's, spoken to in its own parameter style."""

    def __init__(self, connection: Any) -> None:
        self._connection = connection
        self._module = _driver(connection)
        self._style = str(self._module.paramstyle)
        self._begins = _is_autocommit(connection)
        self.cursor = connection.cursor()

    def prepare(self) -> None:
        """Make the two tables where they are missing, outside the transaction that follows."""
        for probe, table in _PROBES:
            if not self._answers(probe):
                self._make(probe, table)

    def is_busy(self) -> bool:
        """Whether a transaction of the user's own is open, as far as the driver tells."""
        info = getattr(self._connection, "info", None)
        state = getattr(info, "transaction_status", 0)
        return bool(getattr(self._connection, "in_transaction", False)) or int(state) != 0

    def begin(self) -> None:
        if self._begins:
            is_sqlite = self._module.__name__ == "sqlite3"
            self.cursor.execute("BEGIN IMMEDIATE" if is_sqlite else "BEGIN")

    def commit(self) -> None:
        if self._begins:
            self.cursor.execute("COMMIT")
        else:
            self._connection.commit()

    def roll_back(self) -> None:
        if not self._begins:
            self._connection.rollback()
        elif self.is_busy():
            self.cursor.execute("ROLLBACK")

    def raise_to(self, claim: Claim) -> bool:
        """Put the claim in the place of an older one; False when there is none, or a newer one."""
        new = (claim.edition, claim.token, claim.nonce, claim.effect_key)
        guard = (claim.subject, claim.store, claim.edition, claim.edition, claim.token)
        self._run(_RAISE, (*new, *guard, claim.token, claim.nonce))
        return int(self.cursor.rowcount) == 1

    def seen(self, subject: str) -> FenceRecord | None:
        self._run(_READ, (subject,))
        row = self.cursor.fetchone()
        return FenceRecord(Claim(*row), applied=True) if row else None

    def put_first(self, claim: Claim) -> bool:
        """The first claim of its subject; False when another was faster (all is rolled back)."""
        try:
            self._run(_FIRST, (claim.subject, claim.store, *_number(claim)))
        except self._module.IntegrityError:
            self.roll_back()
            return False
        return True

    def replace(self, claim: Claim) -> bool:
        self._run(_REPLACE, (claim.store, *_number(claim), claim.subject))
        return int(self.cursor.rowcount) == 1

    def has_happened(self, effect: str) -> bool:
        self._run(_HAPPENED, (effect,))
        return self.cursor.fetchone() is not None

    def note(self, effect: str, token: int) -> None:
        self._run(_HAPPENS, (effect, token))

    def _answers(self, probe: str) -> bool:
        """Whether a table is there. The failed question may have spoilt a transaction: end it."""
        try:
            self.cursor.execute(probe)
            self.cursor.fetchall()
        except self._module.Error:
            return False
        finally:
            self._connection.rollback()
        return True

    def _make(self, probe: str, table: str) -> None:
        try:
            self.cursor.execute(table)
            self._connection.commit()
        except self._module.Error:
            # Somebody else may have made it at this very moment.
            self._connection.rollback()
            if not self._answers(probe):
                raise

    def _run(self, sql: str, values: Sequence[Any]) -> None:
        text, parameters = _in_style(sql, values, self._style)
        self.cursor.execute(text, parameters)


def _number(claim: Claim) -> tuple[str, int, str, str]:
    return claim.edition, claim.token, claim.nonce, claim.effect_key


def _in_style(sql: str, values: Sequence[Any], style: str) -> tuple[str, Any]:
    """A statement written with question marks, as the driver wants it."""
    if style in _MARKS:
        return sql.replace("?", _MARKS[style]), tuple(values)
    pieces = sql.split("?")
    numbered = [
        piece + (f":{n}" if style == "numeric" else f":p{n}")
        for n, piece in enumerate(pieces[:-1], 1)
    ]
    text = "".join((*numbered, pieces[-1]))
    if style == "numeric":
        return text, tuple(values)
    return text, {f"p{number}": value for number, value in enumerate(values, 1)}


def _driver(connection: Any) -> ModuleType:
    """The DB-API module a connection comes from, also through subclasses of it."""
    for kind in type(connection).__mro__:
        parts = kind.__module__.split(".")
        for length in range(len(parts), 0, -1):
            module = sys.modules.get(".".join(parts[:length]))
            if module is not None and hasattr(module, "paramstyle"):
                return module
    raise UsageError(
        f"{type(connection).__name__}: is no DB-API connection",
        "give the connection of a driver such as sqlite3 or psycopg",
    )


def _is_autocommit(connection: Any) -> bool:
    """Whether transactions must be begun by hand. (-1 is sqlite3's word for the old behaviour.)"""
    if getattr(connection, "autocommit", False) is True:
        return True
    return getattr(connection, "isolation_level", "") is None and hasattr(
        connection, "in_transaction"
    )
