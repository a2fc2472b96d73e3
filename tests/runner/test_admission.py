"""What keeps a job back: budgets on every account, the canary, the breaker, the retry budget."""

from __future__ import annotations

import dataclasses

from world import World, jobs_of, planned, spec

from bydawn.core.accounts import account_of_tag, usd_of
from bydawn.core.model import Backoff, Bound, Pool
from bydawn.runner.stopping import Stop
from bydawn.store import counters, read

DOLLAR = 1_000_000


def metered(cost: float = 0.5, takes_ms: int = 1000) -> list[dict[str, object]]:
    return [{"takes_ms": takes_ms, "ends": "ok", "cost_usd": str(cost)}]


def test_a_batch_never_holds_more_than_its_cap_and_says_what_keeps_the_rest_back(
    world: World,
) -> None:
    one = spec(script=metered(1), bound=Bound(usd_micros=DOLLAR))
    batch = world.submit(one, count=40, parallel=20, bound=Bound(usd_micros=5 * DOLLAR))
    assert world.drive(batch, hours=1) is Stop.JOINED
    assert world.states(batch) == {"succeeded": 5, "queued": 35}
    assert {job.reason for job in world.jobs(batch) if job.state == "queued"} == {"budget"}
    assert len(world.ledger) == 5


def test_settling_gives_room_so_cheap_runs_go_further(world: World) -> None:
    one = spec(script=metered(0.25), bound=Bound(usd_micros=DOLLAR))
    batch = world.submit(one, count=40, parallel=20, bound=Bound(usd_micros=5 * DOLLAR))
    world.drive(batch, hours=1)
    assert world.states(batch)["succeeded"] == 17


def test_a_raised_cap_starts_one_more(world: World) -> None:
    one = spec(script=metered(1), bound=Bound(usd_micros=DOLLAR))
    world.submit(one, count=40, parallel=20, bound=Bound(usd_micros=5 * DOLLAR))
    world.drive(1, hours=1)
    raised = planned([one], parallel=20, bound=Bound(usd_micros=6 * DOLLAR))
    world.store.open_batch(dataclasses.replace(raised, fingerprint="g"), jobs_of(one, 40))
    world.drive(1, hours=1)
    assert world.states(1)["succeeded"] == 6


def test_a_silent_meter_is_charged_its_reservation(world: World) -> None:
    one = spec(script=[{"takes_ms": 1000}], bound=Bound(usd_micros=DOLLAR))
    batch = world.submit(one, count=10, bound=Bound(usd_micros=3 * DOLLAR))
    world.drive(batch, hours=1)
    assert world.states(batch)["succeeded"] == 3


def test_a_tag_has_a_cap_of_its_own_and_other_tags_go_on(world: World) -> None:
    one = spec(script=metered(1), bound=Bound(usd_micros=DOLLAR))
    batch = planned([one], parallel=1, tag_bounds={"site=a": Bound(usd_micros=2 * DOLLAR)})
    jobs = [
        dataclasses.replace(job, tags='{"site": "a"}' if number < 6 else '{"site": "b"}')
        for number, job in enumerate(jobs_of(one, 10))
    ]
    number = world.store.open_batch(batch, jobs).number
    world.drive(number, hours=1)
    done = [job.tags for job in world.jobs(number) if job.state == "succeeded"]
    assert sorted(done) == ['{"site": "a"}'] * 2 + ['{"site": "b"}'] * 4
    account = usd_of(account_of_tag(number, "site=a"))
    assert counters.used(world.store.session, account) == 2 * DOLLAR


def test_a_day_has_a_cap_over_all_batches_of_the_store(world: World) -> None:
    one = spec(script=metered(1), bound=Bound(usd_micros=DOLLAR))
    terms = {"per_day_usd_micros": 3 * DOLLAR, "parallel": 2}
    first = world.store.open_batch(planned([one], "one", **terms), jobs_of(one, 2, "one")).number
    second = world.store.open_batch(planned([one], "two", **terms), jobs_of(one, 5, "two")).number
    world.drive(first, hours=1)
    world.drive(second, hours=1)
    assert world.states(first) == {"succeeded": 2}
    assert world.states(second) == {"succeeded": 1, "queued": 4}
    world.clock.wind(24 * 3_600_000)
    world.drive(second, hours=1)
    assert world.states(second)["succeeded"] == 4


def test_launches_are_counted_over_retries(world: World) -> None:
    one = spec(script=[{"ends": "exit 1"}], retries=5, backoff=Backoff(1000, 1000))
    batch = world.submit(one, bound=Bound(launches=3))
    world.drive(batch, hours=1)
    assert len(world.ledger) == 3


def test_the_rest_waits_for_the_canary(world: World) -> None:
    batch = world.submit(spec(script=[{"takes_ms": 60_000}]), count=20, parallel=20, canary=3)
    runner = world.runner(batch)
    for _ in range(4):
        runner.turn()
    assert len(world.ledger) == 3
    world.drive_on(runner)
    assert world.states(batch) == {"succeeded": 20}


def test_a_canary_that_fails_ends_the_night_for_the_rest(world: World) -> None:
    batch = world.submit(spec(script=[{"ends": "exit 100"}]), count=20, canary=3)
    assert world.drive(batch, hours=1) is Stop.JOINED
    assert world.states(batch) == {"failed": 3, "queued": 17}
    assert {job.reason for job in world.jobs(batch) if job.state == "queued"} == {"canary"}


def test_an_outage_opens_the_breaker_and_a_probe_closes_it(world: World) -> None:
    one = spec(script=[{"ends": "error 503"}], retries=0)
    batch = world.submit(one, count=200, parallel=4, breaker=5)
    runner = world.runner(batch)
    for _ in range(30):
        runner.turn()
        world.clock.wind(100)
    launched = len(world.ledger)
    assert 5 <= launched <= 8
    assert list(read.open_breakers(world.store.session, batch)) == ["scripted"]
    world.clock.wind(61_000)
    for _ in range(10):
        runner.turn()
    assert len(world.ledger) == launched + 1
    assert "breaker_opened" in world.events()


def test_a_success_closes_the_breaker_and_the_rest_goes_on(world: World) -> None:
    good = spec("good", script=[{"takes_ms": 90_000}])
    bad = spec("bad", script=[{"ends": "error 503"}], retries=0)
    batch = world.submit(good, bad, count=30, parallel=8, breaker=5)
    world.drive(batch)
    assert "breaker_closed" in world.events()
    assert world.states(batch) == {"succeeded": 30, "failed": 30}


def test_a_breaker_of_zero_never_opens(world: World) -> None:
    batch = world.submit(spec(script=[{"ends": "exit 100"}]), count=50, breaker=0)
    world.drive(batch, hours=1)
    assert world.states(batch) == {"failed": 50}


def test_the_retry_budget_bounds_the_whole_batch(world: World) -> None:
    one = spec(script=[{"ends": "exit 1"}], retries=5, backoff=Backoff(100, 100))
    batch = world.submit(one, count=40, parallel=40, retry_budget=0.5, breaker=0)
    world.drive(batch, hours=1)
    assert world.states(batch) == {"failed": 40}
    assert len(world.ledger) == 40 + 20


def test_no_minute_sees_more_starts_than_the_rate_says(world: World) -> None:
    one = spec(script=[{"takes_ms": 0}], pool="api")
    pools = (Pool("api", per_minute=20),)
    batch = world.submit(one, count=60, parallel=60, pools=pools)
    runner = world.runner(batch)
    starts: list[int] = []
    for _ in range(5 * 60 * 10):
        runner.turn()
        starts += [world.clock.utc_ms()] * (len(world.ledger) - len(starts))
        world.clock.wind(100)
    assert len(starts) == 60
    assert max(sum(1 for at in starts if first <= at < first + 60_000) for first in starts) <= 20
