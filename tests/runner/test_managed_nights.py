"""Whole nights of managed agents: the real loop and store, the real SDKs, fakes on loopback."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from world import jobs_of, planned

from bydawn.backends.backend import Backend
from bydawn.core.model import Backoff, Effects, Job, JobSpec, OnDoubt
from bydawn.runner.drive import Drive
from bydawn.runner.runner import Runner
from bydawn.runner.scope import Scope
from bydawn.runner.stopping import Stop
from bydawn.runner.tools import Tools
from bydawn.store import read
from bydawn.store.store import Store, open_store
from bydawn.testing.crashpoints import Crash, CrashingBackend, Points, crashing
from bydawn.testing.fakes.frame import Asked
from bydawn.testing.fakes.lives import Life
from bydawn.testing.virtual import InlineDispatcher, SeededChance
from loopback import Fault
from vendors import GEMINI, KINDS, TRIGGERED, Kind, Stage, staged

pytestmark = pytest.mark.wide

DAY_MS = 86_400_000


class Doomed(Drive):
    """A process that tidies nothing up when it dies."""

    def run(self) -> Stop:
        return self._turn_until_stop()


@dataclass
class Night:
    """One store, and processes that come and go over it."""

    folder: Path
    stage: Stage
    store: Store = field(init=False)
    number: int = 0
    processes: int = 0

    def open(self, count: int, plan: str = "night", **fields: Any) -> None:
        payload = {"prompt": "Write {{ job.name }}", "model": "model-1"}
        more = {"backoff": Backoff(1_000, 4_000), "effects": Effects.NONE, **fields}
        one = JobSpec("page", "managed", payload, **more)
        batch = planned([one], plan, parallel=16, breaker=0)
        self.store = open_store(self.folder / "store.db", self.stage.clock, "s_test")
        self.number = self.store.open_batch(batch, jobs_of(one, count, plan)).number

    def process(self, points: Points | None = None) -> Drive:
        """A process; one with ``points`` may die at them."""
        self.processes += 1
        store = open_store(self.folder / "store.db", self.stage.clock, "s_test")
        backend: Backend = self.stage.backend
        if points:
            store.session = crashing(store.session, points)
            backend = CrashingBackend(backend, points)
        tools = Tools(
            clock=self.stage.clock,
            chance=SeededChance(self.processes),
            dispatcher=InlineDispatcher(self.stage.clock),
            backends={"managed": lambda _: backend},
            state_folder=self.folder,
            machine="m_1",
            pid=1,
            environment={},
            is_dead_here=lambda _: True,
            look_ms=60_000,
        )
        runner = Runner(
            store, Scope(store, lambda: [self.number], ""), tools, f"r_{self.processes}"
        )
        runner.start()
        kind = Doomed if points else Drive
        return kind(runner, until_at=self.stage.clock.utc_ms() + DAY_MS)

    def die_at(self, decide: Callable[[int, str], bool]) -> bool:
        """Whether a process died; what it passed is what it did until then."""
        try:
            self.process(Points(decide)).run()
        except Crash:
            return True
        return False

    def jobs(self) -> list[Job]:
        return list(read.jobs(self.store.session, self.number))

    def states(self) -> Counter[str]:
        return Counter(job.state for job in self.jobs())

    def most_launches(self) -> int:
        """Of one launch key, as the vendor counted them."""
        return max(Counter(one.key for one in self.stage.lives.ledger).values(), default=0)


@pytest.fixture
def night(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Night]:
    with staged(request.param, lambda _: Life(takes_ms=3_000)) as stage:
        yield Night(tmp_path, stage)


def troubled_night(night: Night) -> None:
    """Two hundred items; the 137th launch meets a vendor that is overloaded, and at the 150th the
    runner dies between the vendor's yes and its own note of it."""
    night.open(200)
    count = [0]

    def overloaded(asked: Asked) -> Fault | None:
        count[0] += night.stage.kind.is_launch(asked)
        is_it = count[0] == 137 and night.stage.kind.is_launch(asked)
        return Fault("instead", night.stage.kind.trouble("overloaded")) if is_it else None

    night.stage.loopback.trip = overloaded
    launches = [0]

    def at_the_150th(_: int, name: str) -> bool:
        launches[0] += name == "launch.after"
        return launches[0] == 150

    assert night.die_at(at_the_150th)


@pytest.mark.parametrize("night", [GEMINI], indirect=True)
def test_a_troubled_night_of_direct_launches(night: Night) -> None:
    troubled_night(night)
    unanswered = {job.key for job in night.jobs() if job.state == "launching"}
    assert len(unanswered) in range(1, 17)
    night.process().run()
    parked = [job for job in night.jobs() if job.state == "parked"]
    assert {job.key for job in parked} == unanswered
    assert {job.reason for job in parked} == {"in_doubt"}
    assert night.states() == {"succeeded": 200 - len(unanswered), "parked": len(unanswered)}
    assert night.most_launches() == 1
    check_tokens(night)


@pytest.mark.parametrize("night", [TRIGGERED], indirect=True)
def test_a_troubled_night_by_triggers(night: Night) -> None:
    troubled_night(night)
    cut_off = {job.key for job in night.jobs() if job.state == "launching"}
    assert cut_off
    night.process().run()
    assert night.states() == {"succeeded": 200}
    assert len(night.stage.lives.ledger) == 200
    assert night.most_launches() == 1
    assert not night.stage.loopback.fake.triggers
    found = [one for one in read.events(night.store.session, 0, 0, 100_000) if one.kind == "found"]
    assert found
    check_tokens(night)


def check_tokens(night: Night) -> None:
    """What the jobs were charged is what the vendor counted for those that are done, each once."""
    for job in night.jobs():
        used = json.loads(job.usage) if job.usage else {}
        assert used.get("input_tokens", 0) == (1_000 if job.state == "succeeded" else 0)
        assert used.get("output_tokens", 0) == (250 if job.state == "succeeded" else 0)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_a_runner_killed_between_any_two_steps(kind: Kind, tmp_path: Path) -> None:
    """One launch for each launch key; what was launched in the blind and not noted is parked."""
    with staged(kind, lambda _: Life(takes_ms=1_000)) as stage:
        point, died = 0, True
        while died:
            point += 1
            died = check_death(tmp_path / str(point), stage, point)
        assert point > (14 if kind.reserves else 10)


def check_death(folder: Path, stage: Stage, point: int) -> bool:
    folder.mkdir()
    stage.lives.ledger.clear()
    night = Night(folder, stage)
    night.open(1, plan=f"night-{point}")
    died = night.die_at(lambda number, _: number == point)
    if died:
        night.process().run()
    states = night.states()
    assert night.most_launches() <= 1, f"killed at {point}"
    if stage.kind.reserves:
        assert states == {"succeeded": 1}, f"killed at {point}: {states}"
    else:
        assert set(states) <= {"succeeded", "parked"}, f"killed at {point}: {states}"
        assert all(job.reason == "in_doubt" for job in night.jobs() if job.state == "parked")
    return died


@pytest.mark.parametrize("night", [GEMINI], indirect=True)
def test_a_launch_in_doubt_goes_again_where_the_plan_says_so(night: Night) -> None:
    night.open(1, on_doubt=OnDoubt.RELAUNCH)
    assert night.die_at(lambda _, name: name == "launch.after")
    night.process().run()
    assert night.states() == {"succeeded": 1}
    assert len(night.stage.lives.ledger) == 2
    assert night.most_launches() == 1
