"""What stands between a good end and success, played: drafts, checks, and targets behind the
product's own gates."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from bydawn.core.clock import Clock
from bydawn.core.model import Publication
from bydawn.core.sightings import (
    Alive,
    Ended,
    Failure,
    FailureClass,
    LaunchAnswer,
    Launched,
    Outcome,
    Request,
    Sighting,
    Vanished,
)
from bydawn.core.values import value
from bydawn.gates.choosing import DraftGate
from bydawn.gates.gate import Steps
from bydawn.store.memory import UsersTable
from bydawn.testing.crashpoints import Points
from bydawn.testing.origin import Origin
from bydawn.testing.targets import (
    BRANCH,
    TABLE,
    Address,
    AddressGate,
    BranchGate,
    TableGate,
    kind_of,
    path_gate,
)
from bydawn.testing.witness import Effect, Troubled

SOURCE, FILES = "out", "files"
_TARGETS = "targets"
# Between these steps a transaction is open: whoever comes then waits for it, and time stands still.
_INSIDE = ("installed", "applied")


@value
class Obstacles:
    """How often each thing goes wrong on the way out, or on the way in, as chances in [0, 1]."""

    refuses: float = 0.0
    check_lost: float = 0.0
    gate_fails: float = 0.0
    receipt_lost: float = 0.0
    arrives_late: float = 0.0


@dataclass(slots=True)
class _Check:
    run: str
    ends_at: int
    is_lost: bool
    failure: Failure | None


@dataclass(slots=True)
class Finishing:
    """All checks and all effects of a night. ``is_kind`` switches the obstacles off."""

    clock: Clock
    random: random.Random
    obstacles: Obstacles
    folder: Path
    accepted: set[str] = field(default_factory=set)
    is_kind: bool = False
    delays: Callable[[Callable[[], None]], bool] = lambda _: False
    _checks: dict[str, _Check] = field(default_factory=dict)
    _addresses: dict[str, Address] = field(default_factory=dict)
    _table: UsersTable | None = None
    origin: Origin = field(init=False)
    _around: Troubled = field(init=False)

    def __post_init__(self) -> None:
        self._around = Troubled(
            fails=lambda: self.happens(self.obstacles.gate_fails),
            loses_answer=lambda: self.happens(self.obstacles.receipt_lost),
            delays=lambda arrive: self.delays(arrive),
            random=self.random,
        )
        self.origin = Origin("origin", self._around)

    @property
    def effects(self) -> list[Effect]:
        """All that became visible anywhere, in that order."""
        return self._around.effects

    def rows(self) -> int:
        """How much came to the user's table, as the table says."""
        return self._table.count() if self._table else 0

    def close(self) -> None:
        if self._table is not None:
            self._table.close()

    def happens(self, chance: float) -> bool:
        drawn = self.random.random() < chance
        return drawn and not self.is_kind

    def draft(self, request: Request) -> None:
        """What a run leaves in its draft: the same for every generation of one revision."""
        draft = Path(request.folder, "draft")
        draft.mkdir(parents=True, exist_ok=True)
        (draft / SOURCE).write_text(request.effect_key)
        (draft / FILES).mkdir(exist_ok=True)
        (draft / FILES / "page").write_text(request.effect_key)

    # Checks, as the runner's tools know them

    def start(
        self, request: Request, number: int, argv: tuple[str, ...], timeout_ms: int
    ) -> LaunchAnswer:
        del argv, timeout_ms
        handle = f"{request.folder}/check-{number}"
        if handle not in self._checks:
            refused = Failure(FailureClass.TRANSIENT, "exit_1", "not good enough")
            self._checks[handle] = _Check(
                request.folder,
                self.clock.boot_ms() + self.random.randrange(3_000),
                self.happens(self.obstacles.check_lost),
                refused if self.happens(self.obstacles.refuses) else None,
            )
        return Launched(handle)

    def look(self, handle: str) -> Sighting:
        check = self._checks[handle]
        if self.clock.boot_ms() < check.ends_at:
            return Alive()
        if check.is_lost:
            return Vanished("its supervisor was killed")
        if check.failure is None:
            self.accepted.add(check.run)
        return Ended(Outcome(check.failure, 0 if check.failure is None else 1))

    # Gates

    def gate(self, publication: Publication, points: Points) -> DraftGate:
        """The gate of one target, as one process comes to it: it may pause or die at each step."""

        def step(name: str) -> None:
            if not (publication.kind == TABLE and name in _INSIDE):
                points.hesitate()
            points.reach(f"gate.{name}")

        if publication.kind == TABLE:
            self._table = self._table or UsersTable()
            return TableGate(self._table, publication.target, self._around, step)
        if publication.kind == "http":
            return self._at_address(publication.target, step)
        if publication.kind == BRANCH:
            return BranchGate(self.origin, publication.branch or "", self.folder, step)
        return path_gate(self.folder / _TARGETS / publication.target, self._around, step)

    def _at_address(self, words: str, step: Steps) -> AddressGate:
        address = self._addresses.setdefault(words, Address(kind_of(words)))
        return AddressGate(words, self.folder, address, self._around, step)
