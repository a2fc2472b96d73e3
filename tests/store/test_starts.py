"""Where jobs that may start begin: a claimer remembers it, and nothing is passed over for it."""

from __future__ import annotations

from filling import LAUNCHED, Hand, again, changed, fill, spec

from bydawn.core.model import Job
from bydawn.store.store import Store
from bydawn.store.writing import Turn
from bydawn.testing.virtual import HandWoundClock

_PUT_BACK = "UPDATE job SET state = 'queued', runner = NULL WHERE number = ?"


def numbers(jobs: list[Job]) -> list[int]:
    return [job.number for job in jobs]


def begun(store: Store) -> tuple[int, Hand, int]:
    """A batch of eight of which four were claimed in two turns; its first job."""
    batch, hand = fill(store, spec(), count=8, parallel=20), Hand(store)
    first = hand.claim(batch, room=2)[0].number
    assert numbers(hand.claim(batch, room=2)) == [first + 2, first + 3]
    return batch, hand, first


def test_what_others_put_back_is_found_half_a_second_later(
    store: Store, clock: HandWoundClock
) -> None:
    batch, hand, first = begun(store)
    store.session.change(_PUT_BACK, (first,))
    clock.wind(499)
    assert numbers(hand.claim(batch, room=1)) == [first + 4]
    clock.wind(1)
    assert numbers(hand.claim(batch, room=2)) == [first, first + 5]


def test_where_there_are_fewer_than_wanted_all_are_looked_at(store: Store) -> None:
    batch, hand, first = begun(store)
    store.session.change(_PUT_BACK, (first,))
    assert numbers(hand.claim(batch, room=5)) == [first, *range(first + 4, first + 8)]
    store.session.change(_PUT_BACK, (first,))
    assert numbers(hand.claim(batch, room=1)) == [first]


def test_what_a_claimer_puts_back_itself_it_finds_at_once(store: Store) -> None:
    batch = fill(store, spec(), count=8, parallel=20)
    hand = Hand(store)
    one, *_ = hand.claim(batch, room=2)
    hand.claim(batch, room=2)
    written = hand.write(Turn([changed(one, LAUNCHED, again(one))], [(hand.open(batch), 1)]))
    assert numbers(written.claimed) == [one.number]


def test_another_claimer_and_another_choice_begin_with_the_first(store: Store) -> None:
    batch, hand, first = begun(store)
    store.session.change(_PUT_BACK, (first,))
    store.session.change(_PUT_BACK, (first + 1,))
    assert numbers(hand.claim(batch, room=1, only="work*")) == [first]
    assert numbers(Hand(store, "r_2").claim(batch, room=1)) == [first + 1]


def test_a_clock_that_is_turned_back_proves_nothing(store: Store, clock: HandWoundClock) -> None:
    batch, hand, first = begun(store)
    store.session.change(_PUT_BACK, (first,))
    clock.jump(-10_000)
    assert numbers(hand.claim(batch, room=1)) == [first]
