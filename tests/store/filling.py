"""Stores to fill: specs, plans, claimers and whole turns, in as few words as possible."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from bydawn.core.decide import Move
from bydawn.core.keys import job_key
from bydawn.core.model import BatchTerms, Job, JobSpec, PlannedBatch, PlannedJob
from bydawn.core.recording import Change, apply, begin
from bydawn.core.sightings import Usage
from bydawn.core.states import Event, Reason, State
from bydawn.runner.scope import Scope
from bydawn.store import read
from bydawn.store.claiming import Claimer, Open
from bydawn.store.store import Store
from bydawn.store.writing import Turn, Written
from bydawn.testing.virtual import SeededChance

PLAN = "night"


def spec(name: str = "work", version: int = 1, **fields: Any) -> JobSpec:
    return JobSpec(id=name, backend="scripted", payload={"version": version}, **fields)


def planned(*specs: JobSpec, plan: str = PLAN, edition: str = "", folder: str = "/plans",
            deadline_at: int | None = None, fingerprint: str = "",
            **terms: Any) -> PlannedBatch:  # fmt: skip
    return PlannedBatch(
        plan=plan, edition=edition, folder=folder, source="night.toml", terms=BatchTerms(**terms),
        specs=specs, fingerprint=fingerprint, deadline_at=deadline_at,
    )  # fmt: skip


def listed(*specs: JobSpec, count: int = 1, plan: str = PLAN) -> list[PlannedJob]:
    """One job of each spec, or ``count`` item jobs of each."""
    return [
        PlannedJob(
            one.id, one.id if count == 1 else f"{one.id}/{n}",
            job_key(plan, "", one.id, [] if count == 1 else [n]),
            None if count == 1 else json.dumps({"n": n}), "{}", n, f"night.toml:{n + 1}",
        )
        for one in specs for n in range(count)
    ]  # fmt: skip


def fill(store: Store, *specs: JobSpec, count: int = 1, **terms: Any) -> int:
    """Open a batch with these specs, or revise it."""
    return store.open_batch(planned(*specs, **terms), listed(*specs, count=count)).number


@dataclass
class Hand:
    """A claimer that is registered as a runner and holds what it took."""

    store: Store
    name: str = "r_1"
    machine: str = "m_1"
    lease_ms: int = 30_000
    chance: SeededChance = field(default_factory=lambda: SeededChance(1))

    def __post_init__(self) -> None:
        self.chance = SeededChance(sum(self.name.encode()))
        self.store.register(self.name, self.machine, 1, self.lease_ms, frozenset())
        self.claimer = Claimer(
            self.name, self.machine, self.chance.nonces, self.store.spec, lambda _: None
        )

    def open(self, batch: int, only: str = "") -> Open:
        scope = Scope(self.store, lambda: [batch], only)
        scope.refresh()
        self.claimer.pool_of = scope.pool
        return scope.opened_today(batch, self.store.session.clock.utc_ms())

    def claim(self, batch: int, room: int = 100, only: str = "") -> list[Job]:
        return self.write(Turn(claims=[(self.open(batch, only), room)])).claimed

    def adopt(self, batch: int) -> list[Job]:
        return self.write(Turn(adopts=[(self.open(batch), 100)])).adopted

    def write(self, turn: Turn) -> Written:
        return self.store.write(turn, self.claimer)

    def move(self, job: Job, *moves: Move, usage: Usage | None = None) -> set[int]:
        """Write moves of one job; the numbers that were fenced."""
        return self.write(Turn(changes=[changed(job, *moves, usage=usage)])).fenced


def changed(job: Job, *moves: Move, usage: Usage | None = None) -> Change:
    change = begin(job)
    for move in moves:
        apply(change, move, usage)
    return change


LAUNCHED = Move(Event.LAUNCHED, State.RUNNING, None, {"handle": "h"})
ENDED = Move(Event.ENDED, State.FINISHING)
SUCCEEDED = Move(Event.SUCCEEDED, State.SUCCEEDED)
FAILED = Move(Event.JUDGED, State.FAILED, Reason.PERMANENT)
LOST = Move(Event.VANISHED, State.PARKED, Reason.LOST)


def again(job: Job, not_before: int = 0) -> Move:
    changes = {"generation": job.generation + 1, "handle": None, "not_before": not_before,
               "faults": job.faults + 1, "runner": None}  # fmt: skip
    return Move(Event.JUDGED, State.QUEUED, Reason.BACKOFF, changes)


def succeed(hand: Hand, job: Job, usage: Usage | None = None) -> None:
    assert hand.move(job, LAUNCHED) == set()
    assert hand.move(job, ENDED, SUCCEEDED, usage=usage) == set()


def fail(hand: Hand, job: Job) -> None:
    assert hand.move(job, LAUNCHED, FAILED) == set()


def named(store: Store, batch: int, name: str) -> Job:
    (job,) = read.jobs_named(store.session, batch, name)
    return job


def kinds(store: Store, batch: int = 0) -> list[str]:
    return [row.kind for row in read.events(store.session, 0, batch, 1_000_000)]


def states(jobs: Iterable[Job]) -> list[str]:
    return [job.state for job in jobs]


Nonce = Callable[[], str]
