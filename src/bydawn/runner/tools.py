"""What a runner is given to work with. Everything that touches the world comes in here."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from bydawn.backends.backend import Backend
from bydawn.core.clock import Clock
from bydawn.core.model import JobSpec, PlannedJob, Publication
from bydawn.core.prices import PriceOf, no_price
from bydawn.core.sightings import LaunchAnswer, Request, Sighting
from bydawn.gates.choosing import DraftGate, publication_gate
from bydawn.runner.dispatch import Dispatcher
from bydawn.store.runners import Registered
from bydawn.store.store import Batch


class Chance(Protocol):
    """Randomness as an argument: jitter and nonces."""

    def random(self) -> float: ...

    def nonce(self) -> str: ...

    def nonces(self, count: int) -> list[str]: ...


class Checks(Protocol):
    """Runs a plan's check commands beside the jobs, under the same supervision."""

    def start(
        self, request: Request, number: int, argv: tuple[str, ...], timeout_ms: int
    ) -> LaunchAnswer: ...

    def look(self, handle: str) -> Sighting: ...


Expander = Callable[[JobSpec, Batch, Path], Iterable[PlannedJob]]
GateOf = Callable[[Publication, Path, Path, Path, Mapping[str, str]], DraftGate]


@dataclass(slots=True)
class Tools:
    """``backends`` makes them, by type, from a table of options (empty: none); ``state_folder``
    holds run folders, the STOP file and the presence locks of this machine; ``appear`` takes up a
    runner's name there, so that others can tell whether it lives; ``look_ms`` is how often the
    runner looks for what others did when nothing rings; ``price_of`` prices what a meter counts in
    tokens alone."""

    clock: Clock
    chance: Chance
    dispatcher: Dispatcher
    backends: Mapping[str, Callable[[Mapping[str, Any]], Backend]]
    state_folder: Path
    machine: str
    pid: int
    environment: Mapping[str, str]
    checks: Checks | None = None
    expand: Expander | None = None
    appear: Callable[[str], None] = lambda _: None
    is_dead_here: Callable[[Registered], bool] = lambda _: False
    is_stopped: Callable[[], bool] = lambda: False
    look_ms: int = 500
    gate_of: GateOf = publication_gate
    price_of: PriceOf = no_price
    opened: dict[str, Backend] = field(default_factory=dict)

    def backend(self, spec: JobSpec) -> Backend:
        """The backend a spec asks for, made when it is first needed: one for each table of options,
        as the plan's revision that the spec belongs to has it."""
        table: Mapping[str, Any] = spec.payload.get("backend_config") or {}
        name = f"{spec.backend} {json.dumps(table, sort_keys=True)}" if table else spec.backend
        if name not in self.opened:
            self.opened[name] = self.backends[str(table.get("type", spec.backend))](table)
        return self.opened[name]

    def is_local(self, spec: JobSpec) -> bool:
        """Whether the runs of a spec live on one machine."""
        return self.backend(spec).capabilities.local
