"""Launches whose answers come by themselves: late, twice, never, or when the lease is lost."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest
from world import OverAtOnce, World, spec

from bydawn.core.decide.step import Broken
from bydawn.core.later import PATIENCE_MS, Later
from bydawn.core.sightings import (
    Absent,
    CancelAnswer,
    Capabilities,
    Failure,
    FailureClass,
    FindAnswer,
    Found,
    Guarantee,
    LaunchAnswer,
    Launched,
    LaunchRefused,
    LaunchUnclear,
    Request,
)
from bydawn.runner import dispatch
from bydawn.runner.dispatch import Threads
from bydawn.runner.secrets import Secrets

Tell = Callable[[LaunchAnswer], None]
TICKET = (1, 7)
KEY = "sk-abcdefghijklmnop"


@dataclass
class Posted(OverAtOnce):
    """Takes orders like a letter box: who told whom is up to the test."""

    tells: list[Tell] = field(default_factory=list)
    runs: list[str] = field(default_factory=list)
    name: str = "scripted"
    capabilities: Capabilities = field(
        default_factory=lambda: Capabilities(Guarantee.LOCAL_CLAIM, only_sends=True)
    )

    def launch(self, request: Request) -> LaunchAnswer | Later:
        def post(tell: Tell) -> None:
            if request.launch_key not in self.runs:
                self.runs.append(request.launch_key)
            self.tells.append(tell)

        return Later(post)

    def find(self, request: Request) -> FindAnswer:
        return Found("run-1") if request.launch_key in self.runs else Absent()


@pytest.fixture
def threads() -> Threads:
    return Threads(threads=1)


def test_a_job_waits_for_its_answer_and_goes_on_with_it(world: World) -> None:
    batch, service = world.submit(spec()), Posted()
    runner = world.runner(batch, backend=service)
    runner.turn()
    runner.turn()
    assert (runner.is_busy(), world.states(batch)) == (True, {"launching": 1})
    service.tells[0](Launched("run-1"))
    world.drive_on(runner)
    assert world.states(batch) == {"succeeded": 1}
    assert world.events() == ["opened", "intended", "launched", "ended", "succeeded"]


def test_only_the_first_answer_counts(world: World) -> None:
    batch, service = world.submit(spec()), Posted()
    runner = world.runner(batch, backend=service)
    runner.turn()
    service.tells[0](Launched("run-1"))
    service.tells[0](LaunchRefused(Failure(FailureClass.PERMANENT, "no", "no")))
    world.drive_on(runner)
    assert runner.tools.dispatcher.outstanding() == 0
    assert world.states(batch) == {"succeeded": 1}
    assert "refused" not in world.events()


def test_an_answer_that_never_comes_is_asked_after(world: World) -> None:
    batch, service = world.submit(spec()), Posted()
    began = world.clock.utc_ms()
    world.drive_on(world.runner(batch, backend=service))
    assert world.clock.utc_ms() - began >= PATIENCE_MS
    assert world.states(batch) == {"succeeded": 1}
    assert len(service.tells) == 1, "it was found, and not launched again"
    assert "found" in world.events()


def test_an_answer_under_a_lost_lease_is_nobodys(world: World) -> None:
    """It came back under a new name, and took the job on as it found it."""
    batch, service = world.submit(spec()), Posted()
    runner = world.runner(batch, backend=service)
    runner.turn()
    world.clock.wind(120_000)
    world.store.end_dead_runners("r_other", lambda _: True)
    runner.turn()
    service.tells[0](LaunchRefused(Failure(FailureClass.PERMANENT, "no", "never")))
    world.drive_on(runner)
    assert world.states(batch) == {"succeeded": 1}
    assert len(service.runs) == 1
    assert "refused" not in world.events()


def test_what_was_sent_by_a_runner_that_died_is_found_by_the_next(world: World) -> None:
    batch, service = world.submit(spec()), Posted()
    world.runner(batch, backend=service).turn()
    assert len(service.tells) == 1  # and nobody will hear of it
    world.drive_on(world.runner(batch, backend=service, dead=lambda: True))
    assert world.states(batch) == {"succeeded": 1}
    assert len(service.tells) == 1


def test_an_order_that_came_too_late_started_nothing_and_is_not_judged(world: World) -> None:
    batch, service = world.submit(spec()), Posted()
    runner = world.runner(batch, backend=service)
    runner.turn()
    service.runs.clear()
    service.tells[0](LaunchRefused(Failure(FailureClass.TRANSIENT, "late", "after the lease")))
    runner.turn()
    assert "absent" in world.events()
    assert "refused" not in world.events()


def test_nothing_is_sent_once_the_lease_may_be_over(world: World) -> None:
    batch, service = world.submit(spec()), Posted()
    runner = world.runner(batch, backend=service)
    runner.leave()
    runner.turn()
    assert service.tells == []


def test_who_waits_for_an_answer_keeps_no_thread(threads: Threads) -> None:
    tells: list[Tell] = []
    threads.send(TICKET, lambda: Later(tells.append), prompt=False)
    threads.send((2, 7), lambda: CancelAnswer(True), prompt=False)
    while not (facts := threads.drain()):
        threads.wait(5_000)
    assert facts == [((2, 7), CancelAnswer(True))]
    assert threads.outstanding() == 1
    threading.Timer(0.02, tells[0], (Launched("it"),)).start()
    threads.wait(20_000)
    assert threads.drain() == [(TICKET, Launched("it"))]
    threads.close()


def test_an_answer_at_once_is_one_too(threads: Threads) -> None:
    threads.send(TICKET, lambda: Later(lambda tell: tell(Launched("it"))), prompt=True)
    assert threads.drain() == [(TICKET, Launched("it"))]


def test_nobody_waits_for_ever(threads: Threads, monkeypatch: pytest.MonkeyPatch) -> None:
    now = 1_000_000
    monkeypatch.setattr(dispatch, "_now_ms", lambda: now)
    tells: list[Tell] = []
    threads.send(TICKET, lambda: Later(tells.append, 5_000), prompt=True)
    now += 4_999
    assert threads.drain() == []
    now += 2_000
    assert threads.drain() == [(TICKET, LaunchUnclear("its answer never came"))]
    tells[0](Launched("it"))
    assert threads.drain() == []
    assert threads.outstanding() == 0


def test_what_asking_raises_leaves_it_open_and_what_a_step_raises_is_told(threads: Threads) -> None:
    def raises(_: object) -> None:
        raise ValueError("not today")

    threads.send(TICKET, lambda: Later(raises), prompt=True)
    wrong = Later(lambda tell: tell(Launched("it"))).then(raises)
    threads.send((2, 7), lambda: wrong, prompt=True)
    assert threads.drain() == [
        (TICKET, LaunchUnclear("ValueError: not today")),
        ((2, 7), Broken("ValueError: not today")),
    ]


def test_secrets_are_taken_out_of_late_answers_and_of_what_goes_wrong(threads: Threads) -> None:
    def raises(_: object) -> None:
        raise ValueError(f"what is {KEY}")

    guard = Secrets({"THE_KEY": KEY})
    told = LaunchUnclear(f"{KEY} was refused")
    for number, later in enumerate(
        (Later(lambda tell: tell(told)), Later(raises), Later(lambda tell: tell(told)).then(raises))
    ):
        threads.send((number, 7), guard.guarding((), lambda later=later: later), prompt=True)
    facts = threads.drain()
    assert len(facts) == 3
    assert all(KEY not in str(fact) and "***" in str(fact) for _, fact in facts), facts
