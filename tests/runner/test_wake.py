"""A machine that slept ten hours: it looks before it ends anything, believes no lease of its own,
and starts no more at once than on any other minute."""

from __future__ import annotations

from world import World, spec

from bydawn.core.model import Effects, Limits, OnDoubt, Pool
from bydawn.runner.runner import Runner

TEN_HOURS_MS = 36_000_000
MINUTE_MS = 60_000
HOUR = Limits(timeout_ms=60 * MINUTE_MS)


def turned(runner: Runner, times: int = 6) -> Runner:
    for _ in range(times):
        runner.turn()
    return runner


def test_what_ended_during_the_sleep_is_not_killed(world: World) -> None:
    """Its limit has passed ten times over; but it was done after half an hour."""
    batch = world.submit(spec(script=[{"takes_ms": 30 * MINUTE_MS}], limits=HOUR), count=5)
    runner = turned(world.runner(batch))
    assert world.states(batch) == {"running": 5}
    world.clock.wind(TEN_HOURS_MS)
    world.drive_on(runner, hours=1)
    assert world.states(batch) == {"succeeded": 5}
    assert "cancel_asked" not in world.events()
    assert len(world.ledger) == 5


def test_what_goes_on_beyond_its_limit_is_ended_after_a_look(world: World) -> None:
    batch = world.submit(spec(script=[{"ends": "hang"}], limits=HOUR))
    runner = turned(world.runner(batch))
    world.clock.wind(TEN_HOURS_MS)
    world.drive_on(runner, hours=1)
    (job,) = world.jobs(batch)
    assert (job.state, job.reason) == ("failed", "timeout")


def test_no_lease_is_believed_that_the_sleep_outlasted(world: World) -> None:
    """Another took over meanwhile; the one that wakes drops its jobs and starts nothing twice."""
    one = spec(script=[{"takes_ms": 30 * MINUTE_MS}], limits=HOUR, effects=Effects.GATED,
               on_doubt=OnDoubt.RELAUNCH)  # fmt: skip
    batch = world.submit(one, count=3)
    first = turned(world.runner(batch))
    world.clock.wind(TEN_HOURS_MS)
    second = turned(world.runner(batch))
    turned(first)
    assert not first.held
    world.drive_on(second, hours=1)
    assert world.states(batch) == {"succeeded": 3}
    assert len(world.ledger) == 3


def test_a_wake_is_no_burst(world: World) -> None:
    pools = (Pool("api", per_minute=20),)
    one = spec(script=[{"takes_ms": 0}], pool="api")
    batch = world.submit(one, count=100, parallel=100, pools=pools)
    runner = turned(world.runner(batch))
    begun = len(world.ledger)
    assert begun <= 20
    world.clock.wind(TEN_HOURS_MS)
    for _ in range(600):
        runner.turn()
        world.clock.wind(100)
    assert 0 < len(world.ledger) - begun <= 20
