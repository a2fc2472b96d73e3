"""Longest first by what earlier editions took; else what is usual; else as listed."""

from __future__ import annotations

import pytest
from filling import Hand, listed, planned, spec, succeed

from bydawn.core.foretelling import Open
from bydawn.core.keys import job_key
from bydawn.core.model import Job, JobSpec, PlannedJob
from bydawn.store.history import expected, outlook, usual_ms
from bydawn.store.store import Store
from bydawn.testing.virtual import HandWoundClock

MINUTE = 60_000
LONG, SHORT = spec("long"), spec("short", usual_ms=5 * MINUTE)


@pytest.fixture
def hand(store: Store) -> Hand:
    return Hand(store)


def listed_at(edition: str, *specs: JobSpec, items: tuple[int, ...] = ()) -> list[PlannedJob]:
    jobs = [
        PlannedJob(one.id, f"{one.id}/{n}", f"{edition}/{one.id}/{n}", str(n), "{}", n, "p:1")
        for one in specs for n in items
    ]  # fmt: skip
    return jobs or [
        PlannedJob(one.id, one.id, job_key("night", edition, one.id, []), None, "{}", n, "p:1")
        for n, one in enumerate(specs)
    ]


def night(store: Store, edition: str, *specs: JobSpec, items: tuple[int, ...] = ()) -> int:
    plan = planned(*specs, edition=edition, parallel=100)
    return store.open_batch(plan, listed_at(edition, *specs, items=items)).number


def play(clock: HandWoundClock, hand: Hand, batch: int, **minutes: int) -> None:
    """Every job of a night succeeds after so many minutes."""
    for job in hand.claim(batch):
        name = job.name.replace("/", "_")
        job.started_at, job.ended_at = clock.utc_ms(), clock.utc_ms() + minutes[name] * MINUTE
        succeed(hand, job)


def names(jobs: list[Job]) -> list[str]:
    return [job.name for job in jobs]


def test_without_history_the_usual_counts_and_then_the_list(store: Store, hand: Hand) -> None:
    batch = night(store, "1", spec("b"), spec("a"), SHORT)
    assert names(hand.claim(batch)) == ["short", "b", "a"]


def test_the_median_of_earlier_nights_outweighs_the_usual(
    store: Store, hand: Hand, clock: HandWoundClock
) -> None:
    for edition, took in (("1", 7), ("2", 90), ("3", 9)):
        play(clock, hand, night(store, edition, SHORT, LONG), long=took, short=1)
    tonight = night(store, "4", SHORT, spec("new", usual_ms=8 * MINUTE), LONG)
    now = clock.utc_ms()
    waiting = Open(3, 3, 18 * MINUTE, 9 * MINUTE)
    assert outlook(store.session, tonight, now) == (waiting, Open())
    jobs = hand.claim(tonight)
    assert names(jobs) == ["long", "new", "short"]
    lengths = expected(store.session, tonight)
    assert [lengths[job.number] // MINUTE for job in jobs] == [9, 8, 1]


def test_an_item_that_is_new_is_expected_to_take_what_its_like_took(
    store: Store, hand: Hand, clock: HandWoundClock
) -> None:
    item = spec("item")
    batch = night(store, "1", item, items=(1, 2, 3))
    play(clock, hand, batch, item_1=3, item_2=20, item_3=4)
    tonight = night(store, "2", item, spec("other"), items=(1, 2, 3, 4))
    assert names(hand.claim(tonight))[:4] == ["item/2", "item/3", "item/4", "item/1"]


@pytest.mark.parametrize("priority", [-3, 2])
def test_priority_comes_before_length(
    store: Store, hand: Hand, clock: HandWoundClock, priority: int
) -> None:
    play(clock, hand, night(store, "1", SHORT, LONG), long=60, short=1)
    first = spec("short", usual_ms=5, priority=priority + 1)
    tonight = night(store, "2", spec("long", priority=priority), first)
    assert names(hand.claim(tonight)) == ["short", "long"]
    lengths = expected(store.session, tonight)
    assert sorted(lengths.values()) == [MINUTE, 60 * MINUTE]


def test_another_plan_and_what_did_not_succeed_teach_nothing(
    store: Store, hand: Hand, clock: HandWoundClock
) -> None:
    other = store.open_batch(planned(LONG, plan="other"), listed(LONG, plan="other")).number
    play(clock, hand, other, long=60)
    night(store, "1", SHORT, LONG)
    tonight = night(store, "2", SHORT, LONG)
    assert names(hand.claim(tonight)) == ["short", "long"]
    launching = Open(2, 1, 5 * MINUTE, 5 * MINUTE)
    assert outlook(store.session, tonight, clock.utc_ms()) == (Open(), launching)
    assert usual_ms(store.session, tonight) is None
    assert usual_ms(store.session, other) == 60 * MINUTE


def test_the_plan_again_keeps_what_is_expected(
    store: Store, hand: Hand, clock: HandWoundClock
) -> None:
    play(clock, hand, night(store, "1", SHORT, LONG), long=60, short=1)
    night(store, "2", SHORT, LONG)
    tonight = night(store, "2", SHORT, LONG, spec("new"))
    assert names(hand.claim(tonight)) == ["long", "short", "new"]
