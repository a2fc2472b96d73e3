"""A budget that keeps jobs back: judged when all is quiet, told on every job, never exit 0."""

from __future__ import annotations

from world import World, spec

from bydawn.core.join import fold
from bydawn.core.model import Backoff, Bound
from bydawn.store import read


def test_a_retry_that_the_budget_no_longer_lets_start_is_no_success(world: World) -> None:
    """Its reason stayed ``backoff``, nothing applied, and the batch was reported as succeeded."""
    failing = spec(script=[{"ends": "exit 1"}], retries=5, backoff=Backoff(1000, 1000))
    batch = world.submit(failing, bound=Bound(launches=2))
    world.drive(batch, hours=1)
    assert [(job.state, job.reason) for job in world.jobs(batch)] == [("queued", "budget")]
    standing = read.standing(world.store.session, batch, world.clock.utc_ms(), None)
    assert fold(standing, "0").exit_code == 5


def test_a_budget_stop_waits_for_the_timers_of_those_that_still_fit(world: World) -> None:
    dear = spec("dear", bound=Bound(usd_micros=100))
    cheap = spec(
        "cheap", script=[{"ends": "exit 75"}, {"ends": "ok"}], bound=Bound(usd_micros=0),
        backoff=Backoff(60_000, 60_000),
    )  # fmt: skip
    batch = world.submit(dear, cheap, bound=Bound(usd_micros=50))
    world.drive(batch, hours=1)
    assert {job.name: job.state for job in world.jobs(batch)} == {
        "dear": "queued", "cheap": "succeeded",
    }  # fmt: skip
