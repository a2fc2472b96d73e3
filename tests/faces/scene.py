"""A night for the faces to tell of: a real store, the real loop, a clock wound by hand."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from bydawn.backends.scripted import ScriptedBackend
from bydawn.core.keys import canonical, job_key
from bydawn.core.model import BatchTerms, Job, JobSpec, PlannedBatch, PlannedJob
from bydawn.runner.drive import Drive
from bydawn.runner.runner import Runner
from bydawn.runner.scope import Scope
from bydawn.runner.stopping import Stop
from bydawn.runner.tools import Tools
from bydawn.store import read
from bydawn.store.store import Batch, Store, open_store
from bydawn.testing.virtual import HandWoundClock, InlineDispatcher, SeededChance
from bydawn.watch.documents import Reading

STORE = ".bydawn/store.db"
HOUR = 3_600_000
SERVICE_TROUBLE = {"takes_ms": 60_000, "ends": "error 503"}


def scripted(name: str, *script: dict[str, Any], **fields: Any) -> JobSpec:
    """A job that plays these scenes, one per generation."""
    return JobSpec(id=name, backend="scripted", payload={"script": list(script)}, **fields)


def ok(takes_ms: int = 1_000, **more: Any) -> dict[str, Any]:
    return {"takes_ms": takes_ms, "ends": "ok", **more}


def planned(specs: Iterable[JobSpec], plan: str, edition: str, **terms: Any) -> PlannedBatch:
    deadline_at = terms.pop("deadline_at", None)
    return PlannedBatch(
        plan=plan, edition=edition, folder="/plans", source=f"/plans/{plan}.toml",
        terms=BatchTerms(**terms), specs=tuple(specs), fingerprint="", deadline_at=deadline_at,
    )  # fmt: skip


def _promise(spec: JobSpec) -> str | None:
    """What is said of launching where nobody asks a real backend."""
    return {"scripted": "keyed"}.get(spec.backend)


Names = Iterable[tuple[str, str]]


def jobs_of(batch: PlannedBatch, names: Names | None = None) -> list[PlannedJob]:
    """One job for each spec; or those named, as (template, name)."""
    pairs = list(names or ((spec.id, spec.id) for spec in batch.specs))
    return [
        PlannedJob(
            template, name, job_key(batch.plan, batch.edition, template, [name]), None,
            canonical({"kind": template}), position, f"{batch.source}:{position}",
        )
        for position, (template, name) in enumerate(pairs)
    ]  # fmt: skip


class Scene:
    """A store in ``folder`` with whatever batches a test opens, and a loop to run them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.clock = HandWoundClock()
        self.path = folder / STORE
        self.store = self.open()
        self.chance = SeededChance(1)
        self._runners = 0

    def open(self) -> Store:
        return open_store(self.path, self.clock, "s_scene")

    def submit(
        self, *specs: JobSpec, plan: str = "nightly", edition: str = "2026-11-19",
        names: Names | None = None, **terms: Any,
    ) -> Batch:  # fmt: skip
        """Record a plan, for the first time or anew."""
        batch = planned(specs, plan, edition, **terms)
        opened = self.store.open_batch(batch, jobs_of(batch, names))
        return self.store.batch(opened.number)

    def drive(
        self, batch: Batch, hours: float = 24, turned: Callable[[], None] = lambda: None
    ) -> Stop:
        """Let the loop run; closes the batch as the app does when it is joined."""
        self._runners += 1
        tools = Tools(
            clock=self.clock, chance=self.chance, dispatcher=InlineDispatcher(self.clock),
            backends={"scripted": lambda _: ScriptedBackend(self.clock)},
            state_folder=self.folder / ".bydawn", machine="m_1", pid=1, environment={},
        )  # fmt: skip
        scope = Scope(self.store, lambda: [batch.number])
        runner = Runner(self.store, scope, tools, f"r_{self._runners}")
        runner.start()
        until = self.clock.utc_ms() + int(hours * HOUR)
        stop = Drive(runner, on_turn=turned, until_at=until).run()
        if stop is Stop.JOINED:
            self.store.close_batch(batch.number)
        return stop

    def night(self) -> Batch:
        """Six jobs: two fine (one at the second try), one failed, one parked, two left waiting."""
        return self.submit(
            scripted(
                "article-a",
                ok(600_000, result={"words": 900}, usage={"input_tokens": 380_000,
                   "output_tokens": 8_000}, cost_usd="0.61"),
            ),
            scripted("article-b", SERVICE_TROUBLE, ok(300_000, cost_usd="0.12")),
            scripted("link-audit-b", {"takes_ms": 125_000, "ends": "exit 3"}, permanent_exit=(3,)),
            scripted("review", {"takes_ms": 1_000, "ends": "vanish"}),
            scripted("publish", ok(), after=("article-a", "link-audit-b")),
            scripted("digest", ok(), after=("publish",)),
            bound=dataclasses.replace(BatchTerms().bound, usd_micros=12_000_000),
        )  # fmt: skip

    def reading(self, batch: Batch | None = None) -> Reading:
        """As the command line would read, with nobody at work."""
        served = frozenset({batch.number}) if batch else frozenset()
        return Reading(self.store, self.clock.utc_ms(), served, _promise)

    def fresh(self, batch: Batch) -> Batch:
        return self.store.batch(batch.number)

    def job(self, batch: Batch, name: str) -> Job:
        (found,) = read.jobs_named(self.store.session, batch.number, name)
        return found
