"""Progress, not liveness: a stall is seen before it ends a run, and spending is no progress."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import pytest
from world import World, spec

from bydawn.backends.scripted import ScriptedBackend
from bydawn.core.model import Job, JobSpec, Limits
from bydawn.core.sightings import Alive, Sighting, Usage
from bydawn.runner.runner import Runner
from bydawn.store import read
from bydawn.watch.wording import stalled

MINUTE = 60_000
LIMITS = Limits(timeout_ms=300 * MINUTE, stall_ms=10 * MINUTE)
Seen = Callable[[int], Alive]


class Told(ScriptedBackend):
    """Runs that last, seen as ``seen`` says after so many milliseconds."""

    seen: Seen = staticmethod(lambda _: Alive())
    begins_at = 0

    def poll(self, handle: str) -> Sighting:
        found = super().poll(handle)
        if not isinstance(found, Alive):
            return found
        return self.seen(self._clock.utc_ms() - self.begins_at)


def lasting() -> JobSpec:
    return spec(script=[{"ends": "hang"}], limits=LIMITS, retries=0)


def runner_seeing(world: World, seen: Seen) -> tuple[int, Runner]:
    backend = Told(world.clock)
    backend.seen, backend.begins_at = seen, world.clock.utc_ms()
    batch = world.submit(lasting())
    return batch, world.runner(batch, backend=backend)


def wind(world: World, runner: Runner, minutes: float) -> None:
    """Turn as the loop would, until so much time has passed."""
    until = world.clock.boot_ms() + int(minutes * MINUTE)
    while True:
        runner.turn()
        while runner.is_busy():
            runner.turn()
        if world.clock.boot_ms() >= until:
            return
        world.clock.wind(max(1, min(runner.next_wake_ms(), until - world.clock.boot_ms())))


def row(world: World, batch: int) -> Job:
    (job,) = read.jobs(world.store.session, batch)
    return job


def test_a_stall_is_shown_from_half_its_limit_and_ends_the_run_at_the_whole(world: World) -> None:
    batch, runner = runner_seeing(world, lambda _: Alive(witness="same"))
    wind(world, runner, 4.9)
    assert row(world, batch).reason is None
    wind(world, runner, 4.2)
    job = row(world, batch)
    assert (job.state, job.reason) == ("running", "stalled")
    assert stalled(job, world.clock.utc_ms()).startswith("stalled 9m")
    wind(world, runner, 2)
    job = row(world, batch)
    assert (job.state, job.reason) == ("failed", "stalled")
    assert world.events().count("stalling") == 1


def test_a_run_that_moves_again_is_no_longer_called_stalled(world: World) -> None:
    batch, runner = runner_seeing(world, lambda ms: Alive(witness=str(ms >= 7 * MINUTE)))
    wind(world, runner, 6)
    assert row(world, batch).reason == "stalled"
    wind(world, runner, 2)
    job = row(world, batch)
    assert (job.state, job.reason) == ("running", None)
    assert [kind for kind in world.events() if kind in ("stalling", "progressed")] == [
        "stalling", "progressed",
    ]  # fmt: skip


def test_progress_reaches_the_store_with_the_lease_and_without_an_event(world: World) -> None:
    batch, runner = runner_seeing(world, lambda ms: Alive(witness=str(ms // 1000)))
    wind(world, runner, 30)
    job = row(world, batch)
    assert job.reason is None
    assert world.clock.utc_ms() - (job.progress_at or 0) <= 20_000
    assert world.events() == ["opened", "intended", "launched"]


def spending(ms: int) -> Alive:
    """A meter that runs and nothing else: usage is a sign of life, so it is never merely quiet."""
    return Alive(witness=str(ms), steps="one", usage=Usage({"output_tokens": ms}))


def test_spending_without_progress_is_named_and_ended(world: World) -> None:
    batch, runner = runner_seeing(world, spending)
    wind(world, runner, 6)
    assert row(world, batch).reason == "stalled"
    wind(world, runner, 5)
    job = row(world, batch)
    assert (job.state, job.reason, job.error_code) == ("failed", "stalled", "spending")


@pytest.mark.parametrize("steps_at", [lambda ms: str(ms // MINUTE), lambda _: ""])
def test_spending_with_steps_or_where_nobody_can_tell_goes_on(
    world: World, steps_at: Callable[[int], str]
) -> None:
    def seen(ms: int) -> Alive:
        return dataclasses.replace(spending(ms), steps=steps_at(ms))

    batch, runner = runner_seeing(world, seen)
    wind(world, runner, 40)
    assert (row(world, batch).state, row(world, batch).reason) == ("running", None)


def test_a_successor_tells_a_stall_only_once(world: World) -> None:
    batch, runner = runner_seeing(world, lambda _: Alive(witness="same"))
    wind(world, runner, 6)
    runner.leave()
    backend = runner.tools.backend(spec())
    wind(world, world.runner(batch, backend=backend), 1)
    assert [kind for kind in world.events() if kind in ("stalling", "progressed")] == [
        "stalling", "progressed",
    ]  # fmt: skip
