"""A meter that counts tokens alone is priced at the list; without a price nothing is free."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

from world import World, spec

from bydawn.core.accounts import account_of_batch, usd_of
from bydawn.core.model import Bound, JobSpec
from bydawn.core.prices import Price, PriceOf, no_price
from bydawn.runner.drive import Stop
from bydawn.store import counters, read, totals

PRICE = Price(1_000_000, 4_000_000, "list of today")
METERED = [{"takes_ms": 1000, "usage": {"input_tokens": 100, "output_tokens": 100}}]


def modelled(model: str = "m", **fields: object) -> JobSpec:
    made = spec(script=METERED, **fields)
    return dataclasses.replace(made, payload={**made.payload, "model": model})


def drive(world: World, batch: int, price_of: PriceOf) -> Stop:
    return world.drive_on(world.runner(batch, price_of=price_of))


def only(model: str) -> Callable[[str], Price | None]:
    return lambda asked: PRICE if asked == model else None


def test_the_amount_and_its_list_are_kept_with_job_and_attempt(world: World) -> None:
    batch = world.submit(modelled(), bound=Bound(usd_micros=10_000))
    drive(world, batch, only("m"))
    (job,) = world.jobs(batch)
    assert (job.cost_micros, job.prices) == (500, "list of today")
    (attempt,) = read.attempts(world.store.session, job.number)
    assert (attempt.cost_micros, attempt.prices) == (500, "list of today")
    spent = counters.used(world.store.session, usd_of(account_of_batch(batch)))
    assert spent == 500
    assert totals.price_lists(world.store.session, batch) == ["list of today"]


def test_the_price_is_that_of_the_rendered_model(world: World) -> None:
    batch = world.submit(modelled("{{ item.n }}"), count=2)
    drive(world, batch, only("1"))
    assert [job.cost_micros for job in world.jobs(batch)] == [None, 500]


def test_an_unknown_price_is_charged_at_the_reservation(world: World) -> None:
    bound = Bound(usd_micros=3_000)
    batch = world.submit(modelled(bound=bound), count=2, bound=Bound(usd_micros=10_000))
    drive(world, batch, no_price)
    assert [job.cost_micros for job in world.jobs(batch)] == [3_000, 3_000]


def test_without_a_bound_it_is_counted_as_unknown_and_never_as_nothing(world: World) -> None:
    batch = world.submit(modelled(bound=Bound(tokens=1000)), bound=Bound(usd_micros=10_000))
    drive(world, batch, no_price)
    assert world.jobs(batch)[0].cost_micros is None
    (unknown,) = totals.money(world.store.session, batch).unmetered
    assert unknown[1] == 1
