"""Write to a database of the user's own: the fence row and the statements are one commit."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from bydawn.core.errors import UsageError
from bydawn.core.fencing import Claim, FenceRecord, admit
from bydawn.gates.gate import Guarantee, Steps, no_steps
from bydawn.store.fences import ForeignDatabase

_ROUNDS = 5


class SqlGate:
    """One subject (a named lease, or a job) in one database."""

    guarantee = Guarantee.TRANSACTIONAL

    def __init__(self, connection: Any, subject: str, steps: Steps = no_steps) -> None:
        self._database = ForeignDatabase(connection)
        self._subject = subject
        self._steps = steps
        self.target = f"bydawn_fence/{subject}"

    def execute(
        self,
        claim: Claim,
        statement: str,
        parameters: Sequence[Any] | Mapping[str, Any] = (),
        effect: str = "",
    ) -> bool:
        """One statement in a transaction of its own; False when ``effect`` had happened before."""

        def body(cursor: Any) -> None:
            cursor.execute(statement, parameters)

        return self._write(claim, body, effect)

    @contextmanager
    def transaction(self, claim: Claim) -> Iterator[Any]:
        """Several statements: a cursor whose work is committed with the fence row, or not kept."""
        with self._whole():
            self._install(claim)
            yield self._database.cursor

    def look(self) -> FenceRecord | None:
        self._database.prepare()
        try:
            return self._database.seen(self._subject)
        finally:
            self._database.roll_back()

    def adopt(self, claim: Claim) -> FenceRecord:
        with self._whole():
            if not self._database.replace(claim):
                self._database.put_first(claim)
        return FenceRecord(claim, applied=True)

    def _write(self, claim: Claim, body: Callable[[Any], None], effect: str) -> bool:
        with self._whole():
            self._install(claim)
            self._steps("installed")
            if effect and self._database.has_happened(effect):
                return False
            if effect:
                self._database.note(effect, claim.token)
            body(self._database.cursor)
            self._steps("applied")
        self._steps("committed")
        return True

    @contextmanager
    def _whole(self) -> Iterator[None]:
        """One transaction of ours alone: what the user left open is not ours to commit."""
        if self._database.is_busy():
            raise UsageError(
                "the connection is inside a transaction",
                "commit or roll back before a fenced write; sqlite3's autocommit=False is always"
                " inside one, leave it out",
            )
        self._database.prepare()
        self._steps("read")
        self._database.begin()
        try:
            yield
            self._database.commit()
        except BaseException:
            self._database.roll_back()
            raise

    def _install(self, claim: Claim) -> None:
        """Raise the number, or raise the reason why not; holds the row until the commit."""
        for _ in range(_ROUNDS):
            if self._database.raise_to(claim):
                return
            seen = self._database.seen(claim.subject)
            if seen is not None:
                admit(seen, claim, self.target, has_history=False)
            elif self._database.put_first(claim):
                return
            else:
                self._database.begin()
        raise UsageError(f"{self.target}: kept changing while it was read", "try again")
