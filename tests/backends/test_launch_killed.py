"""A runner is killed at every point of a night over a fake service: before and after every call of
the backend and every commit. The service's own ledger says whether anything was started twice."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from stages import Closing, Clusters, JobServices, Programs

from bydawn.core.keys import job_key
from bydawn.core.model import Backoff, BatchTerms, Effects, Job, JobSpec, PlannedBatch, PlannedJob
from bydawn.core.sightings import Guarantee
from bydawn.runner.clock import SystemClock
from bydawn.runner.drive import Drive
from bydawn.runner.runner import Runner
from bydawn.runner.scope import Scope
from bydawn.runner.tools import Tools
from bydawn.store import read
from bydawn.store.store import Store, open_store
from bydawn.testing.crashpoints import Crash, CrashingBackend, Points, crashing
from bydawn.testing.virtual import HandWoundClock, InlineDispatcher, SeededChance

pytestmark = pytest.mark.wide

NAMES = ("one",)


def as_here() -> HandWoundClock:
    """Supervisors and backends compare moments of this clock with the machine's own."""
    here = SystemClock()
    return HandWoundClock(here.utc_ms(), here.boot_ms())


@dataclass
class Night:
    """One job over one stage. Each runner is a process of its own; ``dies_at`` ends the first."""

    stage: Closing
    dies_at: int = 0
    clock: HandWoundClock = field(default_factory=as_here)
    points: int = 0
    stores: list[Store] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.store = self.connect()
        specs = tuple(
            JobSpec(
                name, "remote", self.stage.payload(), effects=Effects.OUTSIDE,
                backoff=Backoff(100, 400),
            )
            for name in NAMES
        )  # fmt: skip
        folder = str(self.stage.folder)
        plan = PlannedBatch("night", "", folder, "night.toml", BatchTerms(), specs, "f")
        self.batch = self.store.open_batch(plan, [planned(one) for one in specs]).number

    def connect(self) -> Store:
        store = open_store(self.stage.folder / "store.db", self.clock, "s_killed")
        self.stores.append(store)
        return store

    def run(self) -> list[Job]:
        """Until a runner has come to the end of it."""
        for number in range(3):
            store = self.connect()
            try:
                self._drive(store, number)
                break
            except Crash:
                continue
        return list(read.jobs(self.store.session, self.batch))

    def close(self) -> None:
        for store in self.stores:
            store.close()

    def _drive(self, store: Store, number: int) -> None:
        points = Points(self._dies)
        store.session = crashing(store.session, points)
        backend = self.stage.backend()
        tools = Tools(
            clock=self.clock, chance=SeededChance(number), dispatcher=Finishing(self),
            backends={"remote": lambda _: CrashingBackend(backend, points)},
            state_folder=self.stage.folder, machine="m_1", pid=number, environment={},
            is_dead_here=lambda _: True,
        )  # fmt: skip
        runner = Runner(store, Scope(store, lambda: [self.batch]), tools, f"r_{number}")
        try:
            runner.start()
            Drive(runner, until_at=self.clock.utc_ms() + 3_600_000).run()
        finally:
            backend.close()

    def _dies(self, _number: int, _name: str) -> bool:
        self.points += 1
        return self.points == self.dies_at


class Finishing(InlineDispatcher):
    """Lets every run end well as soon as somebody waits for it."""

    def __init__(self, night: Night) -> None:
        super().__init__(night.clock)
        self._night = night

    def wait(self, timeout_ms: int | None) -> None:
        for job in read.jobs(self._night.store.session, self._night.batch):
            if job.handle is not None:
                self._night.stage.finish(job.handle)
        super().wait(timeout_ms)


def planned(spec: JobSpec) -> PlannedJob:
    return PlannedJob(spec.id, spec.id, job_key("night", "", spec.id, []), None, "{}", 0, "p:1")


def play(make: Callable[[Path], Closing], folder: Path, dies_at: int, loses: bool) -> Night:
    """One night, killed once, with everything that must be true of it checked."""
    folder.mkdir()
    with make(folder) as stage:
        night = Night(stage, dies_at)
        try:
            if loses:
                stage.lose_next_answer()
            check(night, night.run(), loses)
        finally:
            night.close()
        return night


def check(night: Night, jobs: list[Job], loses: bool) -> None:
    backend = night.stage.backend()
    guarantee = backend.capabilities.guarantee
    backend.close()
    for job in jobs:
        key = f"bd-{job.key[:40]}-{job.revision}-{job.generation}"
        where = f"killed at {night.dies_at}: {job.name} is {job.state} ({job.reason})"
        runs = night.stage.runs_of(key)
        assert runs <= 1, f"{where}, started {runs} times"
        if job.state == "parked":
            assert job.reason == "in_doubt", where
            may_doubt = guarantee is Guarantee.BLIND or (
                guarantee is Guarantee.LOCAL_CLAIM and loses
            )
            assert may_doubt, where
        else:
            assert (job.state, runs) == ("succeeded", 1), where


STAGES: dict[str, Callable[[Path], Closing]] = {
    "keyed": lambda folder: JobServices(folder, is_keyed=True),
    "searchable": lambda folder: JobServices(folder, is_searchable=True),
    "blind": JobServices,
    "cli-async": Programs,
    "cli-async searchable": lambda folder: Programs(folder, is_searchable=True),
    "ray": Clusters,
}


LOSES = pytest.mark.parametrize("loses", [False, True], ids=["", "and an answer is lost"])


def points_of(name: str, folder: Path, loses: bool) -> int:
    """How many points an undisturbed night passes."""
    points = play(STAGES[name], folder / "whole", 0, loses).points
    assert points >= 10
    return points


@LOSES
@pytest.mark.parametrize("name", ["keyed", "searchable", "blind"])
def test_no_death_makes_a_second_run(name: str, loses: bool, tmp_path: Path) -> None:
    for point in range(1, points_of(name, tmp_path, loses) + 1):
        play(STAGES[name], tmp_path / str(point), point, loses)


@LOSES
@pytest.mark.parametrize("name", ["cli-async", "cli-async searchable", "ray"])
def test_no_death_around_a_launch_that_starts_processes(
    name: str, loses: bool, tmp_path: Path
) -> None:
    """A few of the points, for each of these nights really starts programs."""
    for point in range(2, points_of(name, tmp_path, loses) + 1, 4):
        play(STAGES[name], tmp_path / str(point), point, loses)


@pytest.mark.prove("launches killed, every step, services and programs", whole=True)
@pytest.mark.timeout(3600)
@LOSES
@pytest.mark.parametrize("name", ["cli-async", "cli-async searchable", "ray"])
def test_no_death_at_any_point(
    name: str, loses: bool, tmp_path: Path, trials: Callable[[int], None]
) -> None:
    points = points_of(name, tmp_path, loses)
    trials(points)
    for point in range(1, points + 1):
        play(STAGES[name], tmp_path / str(point), point, loses)
