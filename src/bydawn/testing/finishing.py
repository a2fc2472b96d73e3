"""What stands between a good end and success, played: drafts, checks, and files behind real gates.

The gates are the product's own, on real files; what passes them is written down by an independent
witness at the moment readers would see it.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from bydawn.core.clock import Clock
from bydawn.core.fencing import Claim
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
from bydawn.gates.files import FileGate
from bydawn.gates.gate import PublishError, Receipt
from bydawn.testing.crashpoints import Points

SOURCE = "out"
_TARGETS = "targets"


@value
class Obstacles:
    """How often each thing goes wrong on the way out, or on the way in, as chances in [0, 1]."""

    refuses: float = 0.0
    check_lost: float = 0.0
    gate_fails: float = 0.0
    receipt_lost: float = 0.0
    arrives_late: float = 0.0


@value
class Effect:
    """What became visible at a target, under which claim, out of which run's draft."""

    target: str
    run: str
    claim: Claim


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
    effects: list[Effect] = field(default_factory=list)
    accepted: set[str] = field(default_factory=set)
    is_kind: bool = False
    _checks: dict[str, _Check] = field(default_factory=dict)

    def happens(self, chance: float) -> bool:
        drawn = self.random.random() < chance
        return drawn and not self.is_kind

    def draft(self, request: Request) -> None:
        """What a run leaves in its draft: the same for every generation of one revision."""
        draft = Path(request.folder, "draft")
        draft.mkdir(parents=True, exist_ok=True)
        (draft / SOURCE).write_text(request.effect_key)

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

    def gate(self, publication: Publication, points: Points) -> WitnessedGate:
        """The gate of one target, as one process comes to it: it may pause or die at each step."""
        target = self.folder / _TARGETS / publication.target

        def step(name: str) -> None:
            points.nap()
            points.reach(f"gate.{name}")

        return WitnessedGate(target, self, step)


class WitnessedGate(FileGate):
    """The gate of a file, and a witness beside it. Nobody is waited for: time is played here."""

    def __init__(self, target: Path, finishing: Finishing, steps: Callable[[str], None]) -> None:
        super().__init__(target, patience_ms=0, steps=steps)
        self._finishing = finishing
        self._coming: Effect | None = None

    def publish(self, draft: Path, source: str, claim: Claim, has_history: bool = False) -> Receipt:
        finishing = self._finishing
        if finishing.happens(finishing.obstacles.gate_fails):
            raise PublishError(f"{self.target}: the disk is busy")
        self._coming = Effect(self.target, str(draft.parent), claim)
        receipt = super().publish(draft, source, claim, has_history)
        if finishing.happens(finishing.obstacles.receipt_lost):
            raise PublishError(f"{self.target}: interrupted")
        return receipt

    def _show(self, fresh: Path) -> None:
        super()._show(fresh)
        assert self._coming is not None
        self._finishing.effects.append(self._coming)
