"""Targets of every kind a gate can stand at, played: a file, a folder, a branch, a table of a
user's own database, an address that knows keys, one that knows ETags, one that knows nothing.

The gates are the product's own. What passes them is written down by the target itself, at the
moment readers would see it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from bydawn.core.fencing import Claim
from bydawn.gates.files import FileGate
from bydawn.gates.folders import FolderGate
from bydawn.gates.gate import Guarantee, PublishError, Receipt, Steps
from bydawn.gates.git import GitGate
from bydawn.gates.paths import PathGate
from bydawn.gates.requests import Answer, RequestGate
from bydawn.gates.sql import SqlGate
from bydawn.processes.tools import Answered
from bydawn.store.memory import UsersTable
from bydawn.testing.origin import Origin
from bydawn.testing.witness import Effect, Troubled

FILE, TABLE, KEYED, TAGGED, BLIND = "file", "table", "keyed", "tagged", "blind"
FOLDER, BRANCH = "folder", "git"
TREE = ".tree"


def kind_of(target: str) -> str:
    """Which kind of target that is, by its name."""
    if "#" in target:
        return BRANCH
    if "://" in target:
        return target.rsplit("/", 2)[1]
    if "/" not in target:
        return TABLE
    return FOLDER if target.endswith(TREE) else FILE


class PathWitness:
    """The gate of a file or of a folder, and a witness beside it. Nobody is waited for: time is
    played here."""

    guarantee = Guarantee.FENCED

    def __init__(self, made: Callable[[Steps], PathGate], around: Troubled, steps: Steps) -> None:
        self._gate, self._around, self._outer = made(self._stepped), around, steps
        self._coming: Effect | None = None
        self.look, self.adopt = self._gate.look, self._gate.adopt

    @property
    def target(self) -> str:
        return self._gate.target

    def publish(self, draft: Path, source: str, claim: Claim, has_history: bool = False) -> Receipt:
        if self._around.fails():
            raise PublishError(f"{self.target}: the disk is full")
        self._coming = Effect(self.target, str(draft.parent), claim)
        receipt = self._gate.publish(draft, source, claim, has_history)
        if self._around.loses_answer():
            raise PublishError(f"{self.target}: interrupted")
        return receipt

    def _stepped(self, name: str) -> None:
        if name == "applied" and self._coming is not None:
            self._around.effects.append(self._coming)
        self._outer(name)


def path_gate(target: Path, around: Troubled, steps: Steps) -> PathWitness:
    """The gate of what is at a path, by its name a file or a folder."""
    gate = FolderGate if kind_of(str(target)) == FOLDER else FileGate
    return PathWitness(lambda ours: gate(target, patience_ms=0, steps=ours), around, steps)


class BranchGate(GitGate):
    """The gate of a branch whose remote is played."""

    def __init__(self, origin: Origin, branch: str, folder: Path, steps: Steps) -> None:
        super().__init__(origin.name, branch, folder, {}, steps, self._played)
        self._origin, self._run = origin, ""

    def publish(self, draft: Path, source: str, claim: Claim, has_history: bool = False) -> Receipt:
        self._run = str(draft.parent)
        return super().publish(draft, source, claim, has_history)

    def _played(
        self, argv: Sequence[str], folder: Path, environment: Mapping[str, str], given: bytes = b""
    ) -> Answered:
        return self._origin.ask(argv[1:], folder, environment, given, self._run)


class TableGate(SqlGate):
    """The gate of a table, for drafts: each is a row, in one transaction with its fence."""

    def __init__(self, table: UsersTable, name: str, around: Troubled, steps: Steps) -> None:
        super().__init__(table.connection, name, self._stepped)
        self._name, self._around, self._outer = name, around, steps
        self._coming: Effect | None = None

    def publish(self, draft: Path, source: str, claim: Claim, has_history: bool = False) -> Receipt:
        """One row, once for each effect."""
        del source, has_history  # the fence is in the very database: nobody need remember it
        if self._around.fails():
            raise PublishError(f"{self.target}: cannot be reached")
        self._coming = Effect(self._name, str(draft.parent), claim)
        row = (claim.effect_key, self._name)
        written = self.execute(claim, UsersTable.ADD, row, effect=" ".join(row))
        if self._around.loses_answer():
            raise PublishError(f"{self.target}: the connection was reset")
        return Receipt(self.target, claim.effect_key, written)

    def _stepped(self, name: str) -> None:
        if name == "committed" and self._coming is not None:
            self._around.effects.append(self._coming)
        self._outer(name)


@dataclass(slots=True)
class Address:
    """What stands at one address, and what its server knows."""

    kind: str
    body: bytes | None = None
    changes: int = 0
    keys: set[str] = field(default_factory=set)

    def answer(self, method: str, headers: dict[str, str], body: bytes) -> tuple[Answer, bool]:
        """What the server says, and whether it did anything."""
        if method == "GET":
            good = self.body is not None
            return Answer(200 if good else 404, self._tag(), body=self.body or b""), False
        if self.kind == KEYED:
            return self._keyed(headers["Idempotency-Key"])
        if self.kind == TAGGED and not self._matches(headers):
            return Answer(412, words="answered 412"), False
        self.body, self.changes = body, self.changes + 1
        return Answer(200, self._tag() if self.kind == TAGGED else ""), True

    def _keyed(self, key: str) -> tuple[Answer, bool]:
        is_new = key not in self.keys
        self.keys.add(key)
        return Answer(201 if is_new else 200, heeds_key=True), is_new

    def _matches(self, headers: dict[str, str]) -> bool:
        if "If-None-Match" in headers:
            return self.body is None
        return headers.get("If-Match", self._tag()) == self._tag()

    def _tag(self) -> str:
        return f'"{self.changes}"'


class AddressGate(RequestGate):
    """The gate of an address whose server is played."""

    def __init__(
        self, words: str, folder: Path, address: Address, around: Troubled, steps: Steps
    ) -> None:
        method, _, url = words.partition(" ")
        super().__init__(method, url, folder, patience_ms=0, steps=steps)
        self._address, self._around = address, around
        self._coming: Effect | None = None

    def publish(self, draft: Path, source: str, claim: Claim, has_history: bool = False) -> Receipt:
        self._coming = Effect(self.target, str(draft.parent), claim)
        return super().publish(draft, source, claim, has_history)

    def _ask(self, method: str, headers: dict[str, str], body: bytes) -> Answer:
        around, coming = self._around, self._coming
        if around.fails():
            return Answer(around.random.choice((0, 429, 503)), words="not now")

        def arrive() -> Answer:
            answer, acted = self._address.answer(method, headers, body)
            if acted and coming is not None:
                around.effects.append(coming)
            return answer

        if around.delays(lambda: _forgotten(arrive())):
            return Answer(-1, words="gave no answer in time")
        answer = arrive()
        return Answer(-1, words="gave no answer") if around.loses_answer() else answer


def _forgotten(_: Answer) -> None:
    """Nobody waits for it any more."""
