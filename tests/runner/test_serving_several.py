"""One runner, several batches; and items that lie on another machine."""

from __future__ import annotations

import dataclasses

import pytest
from world import World, jobs_of, planned, spec

from bydawn.runner.drive import Drive
from bydawn.runner.joining import awaits_elsewhere, ready_to_expand
from bydawn.runner.runner import Runner
from bydawn.runner.scope import Scope
from bydawn.store import stopping

LONG = [{"takes_ms": 3_600_000, "ends": "ok"}]
ITEMS_FROM = ("audit", "links.jsonl")


def serving(world: World, *batches: int, own: int | None = None) -> Runner:
    tools = world.runner(batches[0]).tools
    store = world.open()
    runner = Runner(store, Scope(store, lambda: batches), tools, f"r_of_{batches}", own=own)
    runner.start()
    return runner


def opened(world: World, plan: str, count: int) -> int:
    one = spec(script=LONG)
    return world.store.open_batch(planned([one], plan), jobs_of(one, count, plan)).number


def running(world: World, batch: int) -> int:
    return world.states(batch).get("running", 0)


def test_own_places_are_one_number_for_all_batches(world: World) -> None:
    first, second = opened(world, "night", 3), opened(world, "week", 3)
    runner = serving(world, first, second, own=4)
    for _ in range(6):
        runner.turn()
    assert (running(world, first), running(world, second)) == (3, 1)
    assert runner.next_wake_ms() > 0, "a runner that is full does not spin"
    world.clock.wind(3_600_000)
    for _ in range(6):
        runner.turn()
    assert (running(world, first), running(world, second)) == (0, 2)


def test_a_stop_in_the_store_ends_what_runs_here(world: World) -> None:
    batch = opened(world, "night", 3)
    runner = serving(world, batch)
    for _ in range(3):
        runner.turn()
    stopping.stop(world.store.session)
    Drive(runner, until_at=world.clock.utc_ms() + 3_000_000).run()
    assert runner.halt == "cancel"
    assert world.states(batch) == {"cancelled": 3}


def test_items_are_left_to_the_machine_that_has_their_file(world: World) -> None:
    """Whoever has no such file complains only where nobody is at work there."""
    audit = spec("audit")
    items = dataclasses.replace(
        spec("work", after=("audit",)), items_from=ITEMS_FROM, key_fields=("n",)
    )
    batch = world.store.open_batch(planned([audit, items]), jobs_of(audit)).number
    elsewhere = world.runner(batch)
    for _ in range(4):
        elsewhere.turn()
    assert [job.machine for job in world.jobs(batch)] == ["m_1"]
    here = serving(world, batch)
    here.tools.machine = "m_2"
    here.tools.expand = lambda *_: pytest.fail("another machine has the file")
    served = here.scope.served[batch]
    assert awaits_elsewhere(here.store, served, here.tools)
    assert ready_to_expand(here.store, served, here.tools) == []
    for runner in (one.id for one in here.store.runners()):
        here.store.end_runner(runner)
    assert not awaits_elsewhere(here.store, served, here.tools)
