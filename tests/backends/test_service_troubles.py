"""A night at one service in trouble: each job ends as the table says, in the fewest launches."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from serving import searchable, table

from bydawn.backends.backend import Surroundings
from bydawn.backends.http_jobs import HttpJobs
from bydawn.core.keys import job_key
from bydawn.core.model import Backoff, BatchTerms, Effects, Job, JobSpec, PlannedBatch, PlannedJob
from bydawn.processes.runs import LocalRuns
from bydawn.runner.drive import Drive
from bydawn.runner.runner import Runner
from bydawn.runner.scope import Scope
from bydawn.runner.tools import Tools
from bydawn.store import read
from bydawn.store.store import Store, open_store
from bydawn.testing.fakes import FakeHttpJobs, FakeServer, Fault
from bydawn.testing.fakes.faults import Kind
from bydawn.testing.virtual import HandWoundClock, InlineDispatcher, SeededChance

DAY_MS = 86_400_000


@dataclass
class Night:
    """The real loop on a clock wound by hand; the service and its answers are real."""

    folder: Path
    server: FakeServer
    clock: HandWoundClock = field(default_factory=HandWoundClock)
    store: Store = field(init=False)
    number: int = 0

    def run(self, *names: str, **terms: int) -> dict[str, Job]:
        """Play one job for each name; what became of them."""
        specs = tuple(
            JobSpec(name, "service", {"prompt": f"do {name}."}, effects=Effects.NONE,
                    backoff=Backoff(1_000, 4_000), retries=3)
            for name in names
        )  # fmt: skip
        batch = PlannedBatch("night", "", "/plans", "night.toml", BatchTerms(**terms), specs, "f")
        jobs = [PlannedJob(name, name, job_key("night", "", name, []), None, "{}", place, "p")
                for place, name in enumerate(names)]  # fmt: skip
        self.store = open_store(self.folder / "store.db", self.clock, "s_test")
        self.number = self.store.open_batch(batch, jobs).number
        spoken = {**table(self.server.url), **searchable(self.server.url)}
        spoken |= {"timeout": "500ms", "refused_status": [503]}
        runs = LocalRuns(self.folder, "r_1")
        backend = HttpJobs(Surroundings({}, self.clock, runs, spoken))
        tools = Tools(
            clock=self.clock, chance=SeededChance(1), dispatcher=InlineDispatcher(self.clock),
            backends={"service": lambda _: backend}, state_folder=self.folder, machine="m_1",
            pid=1, environment={}, look_ms=60_000,
        )  # fmt: skip
        runner = Runner(self.store, Scope(self.store, lambda: [self.number]), tools, "r_1")
        runner.start()
        Drive(runner, until_at=self.clock.utc_ms() + DAY_MS).run()
        backend.close()
        return {job.name: job for job in read.jobs(self.store.session, self.number)}

    def launches(self, name: str) -> int:
        """How often the service was asked to start it."""
        asked = [one for verb, one in self.server.asked if verb == "launch"]
        return sum(f"do {name}." in one.body.decode() for one in asked)

    def moments(self, name: str, kind: str) -> list[int]:
        rows = read.events(self.store.session, 0, self.number, 10_000)
        return [row.at for row in rows if row.job == name and row.kind == kind]


@pytest.fixture
def night(tmp_path: Path) -> Iterator[Night]:
    with FakeServer(FakeHttpJobs()) as server:
        made = Night(tmp_path, server)
        yield made
        made.store.close()


def test_each_job_ends_as_the_table_says_in_the_fewest_launches(night: Night) -> None:
    night.server.faults.plan([
        Fault(Kind.ERROR, times=2, match="do busy.", code=503),
        Fault(Kind.TOO_MANY, match="do limited.", retry_after="7"),
        Fault(Kind.ERROR, times=9, match="do wrong.", code=400),
        Fault(Kind.HANG, match="do hanging."),
        Fault(Kind.DROP, match="do dropped."),
        Fault(Kind.ERROR_AFTER, match="do late-answer.", code=502),
        Fault(Kind.LATE_USAGE, match="do late-meter."),
        Fault(Kind.ERROR, verb="poll", times=3, code=503),
    ])  # fmt: skip
    names = ("calm", "busy", "limited", "wrong", "hanging", "dropped", "late-answer", "late-meter")
    jobs = night.run(*names, parallel=8, breaker=0)
    ended = {name: (job.state, job.reason) for name, job in jobs.items()}
    assert ended.pop("wrong") == ("failed", "permanent")
    assert set(ended.values()) == {("succeeded", None)}, ended
    launched = {name: night.launches(name) for name in names}
    assert launched == {**dict.fromkeys(names, 1), "busy": 3, "limited": 2}
    started = night.server.fake.runs.started()
    assert sorted(started.values()) == [1] * 7, "no launch key had a second run"


def test_nothing_is_launched_before_retry_after(night: Night) -> None:
    night.server.faults.plan([
        Fault(Kind.TOO_MANY, times=2, match="do limited.", retry_after="90"),
        Fault(Kind.ERROR, match="do busy.", code=503, retry_after="30"),
    ])  # fmt: skip
    jobs = night.run("limited", "busy", parallel=2, breaker=0)
    assert {job.state for job in jobs.values()} == {"succeeded"}
    for name, least_ms in (("limited", 90_000), ("busy", 30_000)):
        refused, begun = night.moments(name, "refused"), night.moments(name, "intended")
        pauses = [after - before for before, after in zip(refused, begun[1:], strict=True)]
        assert pauses, name
        assert all(pause >= least_ms for pause in pauses), (name, pauses)
    assert jobs["limited"].faults == 0, "a hold costs no retry"


def test_a_key_that_is_not_taken_parks_the_jobs_of_its_backend(night: Night) -> None:
    night.server.faults.plan([Fault(Kind.ERROR, times=99, code=401)])
    names = [f"job-{number}" for number in range(6)]
    jobs = night.run(*names, parallel=2, breaker=2)
    assert {job.state for job in jobs.values()} <= {"parked", "queued"}
    parked = [job for job in jobs.values() if job.state == "parked"]
    assert {job.reason for job in parked} == {"auth"}
    assert night.server.fake.runs.started() == {}
    assert all(night.launches(name) <= 1 for name in names)
    assert sum(map(night.launches, names)) == len(parked)
