"""Dependents are released when what they wait for is there, whoever brought it about and when."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from filling import Hand, fail, fill, kinds, listed, named, planned, spec, succeed

from bydawn.core.model import When
from bydawn.store import read
from bydawn.store.store import Store
from bydawn.store.writing import Turn


@pytest.fixture
def hand(store: Store) -> Hand:
    return Hand(store)


A = spec("a")
B = spec("b", after=("a",))
DONE = spec("b", after=("a",), when=When.ALL_DONE)


def waits(store: Store, batch: int, name: str = "b") -> bool:
    return named(store, batch, name).reason == "dependency"


def finish(hand: Hand, store: Store, batch: int) -> None:
    """A runner's turn releases what its own endings make possible."""
    hand.write(Turn(releases=[(batch, store.templates(batch))]))


def test_a_dependent_is_not_started_before_its_time(store: Store, hand: Hand) -> None:
    batch = fill(store, A, B)
    assert [job.name for job in hand.claim(batch)] == ["a"]
    finish(hand, store, batch)
    assert waits(store, batch)
    assert hand.claim(batch) == []


def test_a_runners_turn_releases(store: Store, hand: Hand) -> None:
    batch = fill(store, A, B)
    (job,) = hand.claim(batch)
    succeed(hand, job)
    finish(hand, store, batch)
    assert [job.name for job in hand.claim(batch)] == ["b"]


def test_a_job_added_after_what_it_waits_for_is_done_can_start(store: Store, hand: Hand) -> None:
    """The plan is edited after the first run: there is no ending left that could release it."""
    batch = fill(store, A)
    (job,) = hand.claim(batch)
    succeed(hand, job)
    fill(store, A, B)
    assert [job.name for job in hand.claim(batch)] == ["b"]


def test_a_dependent_that_is_listed_again_can_start(store: Store, hand: Hand) -> None:
    batch = fill(store, A, B)
    fill(store, A)
    (job,) = hand.claim(batch)
    succeed(hand, job)
    fill(store, A, B)
    assert [job.name for job in hand.claim(batch)] == ["b"]


@pytest.mark.parametrize("answer", ["succeeded", "failed"])
def test_a_persons_decision_releases(store: Store, hand: Hand, answer: str) -> None:
    from filling import LAUNCHED, LOST

    batch = fill(store, A, DONE)
    (job,) = hand.claim(batch)
    hand.move(job, LAUNCHED, LOST)
    store.resolve(job.number, answer, "seen", hand.chance.nonce)
    assert [job.name for job in hand.claim(batch)] == ["b"]


def test_a_persons_cancel_releases_those_who_wait_for_any_ending(store: Store, hand: Hand) -> None:
    batch = fill(store, A, DONE)
    store.cancel(named(store, batch, "a").number, hand.chance.nonce)
    assert [job.name for job in hand.claim(batch)] == ["b"]


def test_a_failure_releases_only_those_who_wait_for_any_ending(store: Store, hand: Hand) -> None:
    batch = fill(store, A, B, spec("c", after=("a",), when=When.ALL_DONE))
    (job,) = hand.claim(batch)
    fail(hand, job)
    finish(hand, store, batch)
    assert [job.name for job in hand.claim(batch)] == ["c"]


def test_a_withdrawn_upstream_holds_nobody(store: Store, hand: Hand) -> None:
    batch = fill(store, A, B)
    fill(store, spec("b", after=()))
    assert [job.name for job in hand.claim(batch)] == ["b"]


def test_a_part_of_a_plan_waits_for_what_is_already_there(store: Store, hand: Hand) -> None:
    """``--only b`` while a, which nobody waited for before, still runs."""
    batch = fill(store, A)
    hand.claim(batch)
    store.open_batch(planned(A, B), listed(B), is_partial=True)
    assert waits(store, batch)
    finish(hand, store, batch)
    assert hand.claim(batch) == []


def test_items_of_an_upstream_job_can_start_once_they_are_recorded(
    store: Store, hand: Hand
) -> None:
    work = spec("work", after=("a",), items_from=("a", "items.jsonl"), key_fields=("n",))
    batch = store.open_batch(planned(A, work), listed(A)).number
    (job,) = hand.claim(batch)
    succeed(hand, job)
    finish(hand, store, batch)
    store.add_items(store.batch(batch), work, listed(work, count=3))
    assert len(hand.claim(batch)) == 3


def test_items_are_recorded_by_whoever_is_first(
    store: Store, open_one: Callable[[], Store]
) -> None:
    """The second runner to find the output was told once that every item comes twice."""
    work = spec("work", after=("a",), items_from=("a", "items.jsonl"), key_fields=("n",))
    batch = store.open_batch(planned(A, work), listed(A)).number
    for one in (store, open_one()):
        one.add_items(one.batch(batch), work, listed(work, count=3))
    assert read.size(store.session, batch) == 4
    assert kinds(store).count("expanded") == 1


def test_nobody_is_released_while_items_are_still_to_come(store: Store, hand: Hand) -> None:
    work = spec("work", after=("a",), items_from=("a", "items.jsonl"), key_fields=("n",))
    last = spec("last", after=("work",))
    batch = store.open_batch(planned(A, work, last), listed(A, last)).number
    (job,) = hand.claim(batch)
    succeed(hand, job)
    finish(hand, store, batch)
    assert waits(store, batch, "last")
    store.add_items(store.batch(batch), work, [])
    assert [job.name for job in hand.claim(batch)] == ["last"]
