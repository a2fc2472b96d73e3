"""A small world for the real loop: real SQLite, the scripted backend, a clock wound by hand."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bydawn.backends.backend import Backend
from bydawn.backends.scripted import ScriptedBackend
from bydawn.core.keys import job_key
from bydawn.core.model import BatchTerms, Job, JobSpec, PlannedBatch, PlannedJob
from bydawn.core.sightings import CancelAnswer, Ended, Outcome, Sighting
from bydawn.runner.drive import Drive
from bydawn.runner.runner import Runner
from bydawn.runner.scope import Scope
from bydawn.runner.stopping import Stop
from bydawn.runner.tools import Tools
from bydawn.store import read
from bydawn.store.store import Store, open_store
from bydawn.testing.virtual import HandWoundClock, InlineDispatcher, SeededChance

INSTANT = {"takes_ms": 0, "ends": "ok"}


def spec(name: str = "work", script: list[dict[str, Any]] | None = None, **fields: Any) -> JobSpec:
    payload = {"script": script or [INSTANT]}
    return JobSpec(id=name, backend="scripted", payload=payload, **fields)


def planned(specs: Iterable[JobSpec], plan: str = "night", **terms: Any) -> PlannedBatch:
    return PlannedBatch(
        plan=plan, edition="", folder="/plans", source="night.toml", terms=BatchTerms(**terms),
        specs=tuple(specs), fingerprint="", deadline_at=None,
    )  # fmt: skip


def jobs_of(one: JobSpec, count: int = 1, plan: str = "night") -> list[PlannedJob]:
    """One job of a spec, or ``count`` item jobs."""
    if count == 1:
        return [PlannedJob(one.id, one.id, job_key(plan, "", one.id, []), None, "{}", 0, "p:1")]
    return [
        PlannedJob(
            one.id, f"{one.id}/{n}", job_key(plan, "", one.id, [n]), json.dumps({"n": n}), "{}", n,
            f"items:{n}",
        )
        for n in range(count)
    ]  # fmt: skip


class OverAtOnce(Backend):
    """Its runs are over when they are first looked at, and nobody ends one."""

    def poll(self, handle: str) -> Sighting:
        del handle
        return Ended(Outcome(None, 0, "null"))

    def cancel(self, handle: str, reason: str) -> CancelAnswer:
        raise AssertionError(f"nothing ends {handle} for {reason}")


@dataclass
class World:
    folder: Path
    seed: int = 1
    clock: HandWoundClock = field(default_factory=HandWoundClock)
    ledger: list[str] = field(default_factory=list)
    environment: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.chance = SeededChance(self.seed)
        self.store = self.open()
        self.backend = ScriptedBackend(self.clock, self.ledger.append)
        self.stopped = False
        self._names = 0

    def open(self) -> Store:
        return open_store(self.folder / "store.db", self.clock, "s_test")

    def submit(self, *specs: JobSpec, count: int = 1, **terms: Any) -> int:
        batch = planned(specs, **terms)
        jobs = [job for one in specs for job in jobs_of(one, count)]
        return self.store.open_batch(batch, jobs).number

    def runner(
        self, batch: int, store: Store | None = None, dead: Callable[[], bool] | None = None,
        **tools: Any,
    ) -> Runner:  # fmt: skip
        self._names += 1
        store = store or self.open()
        backend = tools.pop("backend", self.backend)
        kit = Tools(
            clock=self.clock, chance=self.chance, dispatcher=InlineDispatcher(self.clock),
            backends={"scripted": lambda _: backend}, state_folder=self.folder, machine="m_1",
            pid=1, environment=self.environment, is_dead_here=lambda _: dead() if dead else False,
            is_stopped=lambda: self.stopped, look_ms=60_000, **tools,
        )  # fmt: skip
        only = ""
        made = Runner(store, Scope(store, lambda: [batch], only), kit, f"r_{self._names}")
        made.start()
        return made

    def drive(self, batch: int, hours: float = 24) -> Stop:
        until = self.clock.utc_ms() + int(hours * 3_600_000)
        return Drive(self.runner(batch), until_at=until).run()

    def drive_on(self, runner: Runner, hours: float = 24) -> Stop:
        """Go on with a runner that has turned before."""
        until = self.clock.utc_ms() + int(hours * 3_600_000)
        return Drive(runner, until_at=until).run()

    def jobs(self, batch: int) -> list[Job]:
        return list(read.jobs(self.store.session, batch))

    def states(self, batch: int) -> dict[str, int]:
        found: dict[str, int] = {}
        for job in self.jobs(batch):
            found[job.state] = found.get(job.state, 0) + 1
        return found

    def events(self, job: int | None = None) -> list[str]:
        rows = read.events(self.store.session, 0, 0, 1_000_000)
        return [row.kind for row in rows if job is None or row.job_number == job]
