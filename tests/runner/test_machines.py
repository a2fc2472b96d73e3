"""Two machines on one store: a local run is its own machine's while that one may come back."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from world import World, spec

from bydawn.backends.scripted import ScriptedBackend
from bydawn.core.model import Bound, Effects, Publication
from bydawn.core.sightings import Failure, Request
from bydawn.gates.gate import PublishError
from bydawn.runner.runner import Runner
from bydawn.runner.scope import Scope
from bydawn.runner.tools import Tools
from bydawn.store import totals
from bydawn.testing.virtual import InlineDispatcher

LEASE_MS = 30_000
LONG = [{"takes_ms": 600_000, "ends": "ok"}]


class LocalRuns(ScriptedBackend):
    """Scripted runs that live on one machine; looking at them from another one is a bug."""

    capabilities = dataclasses.replace(ScriptedBackend.capabilities, local=True)

    def __init__(self, world: World) -> None:
        super().__init__(world.clock, world.ledger.append)
        self.asked: list[str] = []

    def find(self, request: Any) -> Any:
        self.asked.append("find")
        return super().find(request)

    def poll(self, handle: str) -> Any:
        self.asked.append("poll")
        return super().poll(handle)


class RemoteRuns(ScriptedBackend):
    """Scripted runs at a service, which keeps what they made; ``fetched`` is told each time."""

    capabilities = dataclasses.replace(ScriptedBackend.capabilities, collects=True)
    made = "what was paid for"

    def __init__(self, world: World) -> None:
        super().__init__(world.clock, world.ledger.append)
        self.fetched = 0

    def collect(self, request: Request, handle: str, folder: str) -> Failure | None:
        del request, handle
        self.fetched += 1
        Path(folder, "out.txt").write_text(self.made)
        return None


class Unwritable:
    """A gate on a machine whose disk is full."""

    target = "file public.txt"

    def publish(self, *_: Any) -> Any:
        raise PublishError("no space left on device")


Machine = Callable[..., tuple[Runner, LocalRuns]]


@pytest.fixture
def machine(world: World) -> Machine:
    def made(name: str, batch: int) -> tuple[Runner, LocalRuns]:
        backend = LocalRuns(world)
        return on_machine(world, name, batch, backend, world.folder), backend

    return made


def on_machine(
    world: World, name: str, batch: int, backend: ScriptedBackend, folder: Path
) -> Runner:
    """A runner of its own on a machine; ``folder`` is that machine's."""
    tools = Tools(
        clock=world.clock, chance=world.chance, dispatcher=InlineDispatcher(world.clock),
        backends={"scripted": lambda _: backend}, state_folder=folder, machine=name, pid=1,
        environment={},
    )  # fmt: skip
    store = world.open()
    runner = Runner(store, Scope(store, lambda: [batch]), tools, f"r_{name}{world._names}")
    world._names += 1
    runner.start()
    return runner


def turns(runner: Runner, count: int = 4) -> None:
    for _ in range(count):
        runner.turn()


def started_on_one(world: World, machine: Machine, effects: Effects) -> int:
    batch = world.submit(spec(script=LONG, effects=effects))
    turns(machine("m_1", batch)[0])
    (job,) = world.jobs(batch)
    assert (job.state, job.machine) == ("running", "m_1")
    return batch


def test_while_its_lease_lasts_the_other_machine_leaves_it_alone(
    world: World, machine: Machine
) -> None:
    batch = started_on_one(world, machine, Effects.GATED)
    other, backend = machine("m_2", batch)
    world.clock.wind(LEASE_MS - 1)
    turns(other)
    assert [job.state for job in world.jobs(batch)] == ["running"]
    assert backend.asked == []


def test_a_runner_that_let_go_may_come_back_within_its_lease(
    world: World, machine: Machine
) -> None:
    batch = world.submit(spec(script=LONG, effects=Effects.GATED))
    first, _ = machine("m_1", batch)
    turns(first)
    first.leave()
    turns(machine("m_2", batch)[0])
    assert [job.runner for job in world.jobs(batch)] == [first.name]
    again, backend = machine("m_1", batch)
    turns(again)
    assert [job.runner for job in world.jobs(batch)] == [again.name]
    assert "poll" in backend.asked


def test_after_the_lapse_a_gated_job_starts_anew_on_the_other_machine(
    world: World, machine: Machine
) -> None:
    batch = started_on_one(world, machine, Effects.GATED)
    other, _ = machine("m_2", batch)
    world.clock.wind(LEASE_MS)
    turns(other)
    (job,) = world.jobs(batch)
    assert (job.state, job.reason, job.generation) == ("queued", "backoff", 2)
    world.clock.wind(job.not_before - world.clock.utc_ms())
    turns(other)
    (job,) = world.jobs(batch)
    assert (job.state, job.machine) == ("running", "m_2")
    assert len(world.ledger) == 2
    assert len(set(world.ledger)) == 2


def test_after_the_lapse_an_outside_job_waits_for_a_person_and_settles_when_its_machine_is_back(
    world: World, machine: Machine
) -> None:
    batch = started_on_one(world, machine, Effects.OUTSIDE)
    other, backend = machine("m_2", batch)
    world.clock.wind(LEASE_MS)
    turns(other)
    (job,) = world.jobs(batch)
    assert (job.state, job.reason, job.machine) == ("parked", "lost", "m_1")
    assert backend.asked == []
    other.leave()
    world.clock.wind(600_000)
    turns(machine("m_1", batch)[0])
    assert [job.state for job in world.jobs(batch)] == ["succeeded"]
    assert len(world.ledger) == 1


def test_what_is_given_up_elsewhere_is_charged_at_its_reservation(
    world: World, machine: Machine
) -> None:
    """Nobody can ask the silent machine what its run has spent."""
    bound = Bound(usd_micros=700, tokens=90)
    capped = spec(script=LONG, effects=Effects.GATED, bound=bound)
    batch = world.submit(capped, bound=Bound(usd_micros=10_000, tokens=10_000))
    turns(machine("m_1", batch)[0])
    other, _ = machine("m_2", batch)
    world.clock.wind(LEASE_MS)
    turns(other)
    money = totals.money(world.store.session, batch)
    assert (money.usd_micros, money.reserved_micros) == (700, 0)


def test_what_a_dead_machine_had_fetched_is_fetched_again(world: World, tmp_path: Path) -> None:
    """It lay on the dead machine's disk: the other one found an empty draft, and parked a job
    whose result the service still had."""
    public = tmp_path / "public.txt"
    batch = world.submit(spec(publish=(Publication("out.txt", "file", str(public)),)))
    remote = RemoteRuns(world)
    first = on_machine(world, "m_1", batch, remote, tmp_path / "m_1")
    first.tools.gate_of = lambda *_: Unwritable()
    turns(first)
    (job,) = world.jobs(batch)
    assert (job.state, remote.fetched) == ("finishing", 1)
    world.clock.wind(LEASE_MS)
    turns(on_machine(world, "m_2", batch, remote, tmp_path / "m_2"), 8)
    (job,) = world.jobs(batch)
    assert (job.state, job.machine, remote.fetched) == ("succeeded", "m_2", 2)
    assert public.read_text() == remote.made
    assert len(world.ledger) == 1


@pytest.mark.parametrize(("later", "state"), [("", "succeeded"), ("another", "parked")])
def test_what_was_approved_on_one_machine_is_published_by_another_if_it_is_the_same(
    world: World, tmp_path: Path, later: str, state: str
) -> None:
    public = tmp_path / "public.txt"
    publish = (Publication("out.txt", "file", str(public)),)
    batch = world.submit(spec(publish=publish, approve=True))
    remote = RemoteRuns(world)
    first = on_machine(world, "m_1", batch, remote, tmp_path / "m_1")
    turns(first)
    first.leave()
    (job,) = world.jobs(batch)
    assert job.reason == "awaiting_approval"
    world.store.resolve(job.number, "approve", "looks good", world.chance.nonce)
    remote.made = later or remote.made
    turns(on_machine(world, "m_2", batch, remote, tmp_path / "m_2"), 8)
    (job,) = world.jobs(batch)
    assert job.state == state, job.error_message
    assert public.exists() is (state == "succeeded")
    assert len(world.ledger) == 1


def test_the_machine_that_wakes_is_fenced(world: World, machine: Machine) -> None:
    batch = world.submit(spec(script=LONG, effects=Effects.GATED))
    first, _ = machine("m_1", batch)
    turns(first)
    other, _ = machine("m_2", batch)
    world.clock.wind(LEASE_MS)
    turns(other)
    world.clock.wind(600_000)
    turns(first)
    assert first.fenced_jobs == 1
    assert all(held.job.generation == 2 for held in first.held.values())
    assert [job.generation for job in world.jobs(batch)] == [2]


def taken_over_after_ms(world: World, runner: Runner, most_ms: int) -> int:
    """Turn whenever the runner wants to; how long until it holds something."""
    began = world.clock.utc_ms()
    while not runner.held and world.clock.utc_ms() < began + most_ms:
        world.clock.wind(max(1, runner.next_wake_ms()))
        runner.turn()
    return world.clock.utc_ms() - began


def test_what_a_dead_runner_held_is_taken_over_when_its_lease_is_over(world: World) -> None:
    """Not at the next sweep, which may be half a lease later."""
    batch = world.submit(spec(script=LONG))
    turns(world.runner(batch))
    world.clock.wind(10_000)
    other = world.runner(batch)
    turns(other)
    assert taken_over_after_ms(world, other, 60_000) <= LEASE_MS - 10_000 + 1_000


def test_what_a_runner_let_go_of_is_taken_over_at_the_next_look(world: World) -> None:
    batch = world.submit(spec(script=LONG))
    first = world.runner(batch)
    turns(first)
    other = world.runner(batch)
    turns(other)
    first.leave()
    other.look_soon()
    assert taken_over_after_ms(world, other, 60_000) <= 200


def test_looks_that_others_ring_for_grow_rare_while_these_never_cease(world: World) -> None:
    batch = world.submit(spec(script=LONG))
    runner = world.runner(batch)
    turns(runner)
    looks = []
    for number in range(200):
        world.store.pause(batch, paused=number % 2 == 0)
        runner.look_soon()
        world.clock.wind(20)
        before = runner.horizon.looked_at
        runner.turn()
        looks += [runner.horizon.looked_at] if runner.horizon.looked_at != before else []
    gaps = [after - before for before, after in itertools.pairwise(looks)]
    assert gaps == sorted(gaps)
    assert gaps[0] <= 120
    assert len(looks) < 10
