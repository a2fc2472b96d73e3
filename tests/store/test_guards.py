"""The guarded write, tokens and the sweep; and each guard taken away, which must be noticed."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from filling import (
    ENDED,
    FAILED,
    LAUNCHED,
    SUCCEEDED,
    Hand,
    changed,
    fill,
    kinds,
    listed,
    named,
    planned,
    spec,
)

from bydawn.core import counting
from bydawn.core.decide import Move
from bydawn.core.states import Event, State
from bydawn.store import claiming, counters, due, read, runners, settling
from bydawn.store.store import Store
from bydawn.store.writing import Turn
from bydawn.testing.virtual import HandWoundClock

Opener = Callable[[], Store]
Patch = pytest.MonkeyPatch


@pytest.fixture
def hand(store: Store) -> Hand:
    return Hand(store)


def never(_: object) -> bool:
    return False


def test_tokens_rise_over_jobs_claimers_and_restarts(
    open_one: Opener,
) -> None:
    """I4."""
    tokens: list[int] = []
    for restart in range(4):
        store = open_one()
        one = Hand(store, f"r_{restart}")
        batch = fill(store, *(spec(f"j{n}") for n in range(8)), parallel=99)
        tokens += [job.token for job in one.claim(batch, room=2)]
        tokens += [job.token for job in one.adopt(batch)]
        store.end_runner(one.name)
    assert len(tokens) > 12
    assert tokens == sorted(set(tokens))


def test_every_claim_has_a_nonce_of_its_own(store: Store, hand: Hand) -> None:
    batch = fill(store, spec(), count=50, parallel=99)
    jobs = hand.claim(batch)
    assert len({(job.token, job.nonce) for job in jobs}) == len({job.nonce for job in jobs}) == 50


STALE = {
    "token": {"token": 10_000},
    "nonce": {"nonce": "another"},
    "state": {"state": "running"},
}


def _write_stale(store: Store, hand: Hand, what: str) -> None:
    """A write whose guard does not match changes nothing and is counted as fenced."""
    batch = fill(store, spec("a"), spec("b"))
    first, second = hand.claim(batch)
    for name, value in STALE[what].items():
        setattr(first, name, value)
    move = ENDED if what == "state" else LAUNCHED
    before = named(store, batch, first.name)
    told = kinds(store).count("launched")
    turn = Turn(changes=[changed(first, move), changed(second, LAUNCHED)])
    assert hand.write(turn).fenced == {first.number}
    assert named(store, batch, first.name) == before
    assert named(store, batch, second.name).state == "running"
    assert kinds(store).count("launched") == told + 1
    assert kinds(store).count("fenced") == store.batch(batch).fenced == 1
    assert counters.used(store.session, counting.slots(batch)) == 2


@pytest.mark.parametrize("what", STALE)
def test_a_stale_write_changes_nothing_and_keeps_the_others(
    store: Store, hand: Hand, what: str
) -> None:
    _write_stale(store, hand, what)


def _adopt_and_write_late(store: Store, hand: Hand, clock: HandWoundClock) -> None:
    """C2: the old holder wakes after the takeover and writes; nothing of it is kept."""
    batch = fill(store, spec())
    (job,) = hand.claim(batch)
    clock.wind(hand.lease_ms + 1)
    heir = Hand(store, "r_2")
    assert store.end_dead_runners("r_2", never) == 1
    (taken,) = heir.adopt(batch)
    assert taken.token > job.token
    assert hand.move(job, LAUNCHED, FAILED) == {job.number}
    assert heir.move(taken, LAUNCHED, ENDED, SUCCEEDED) == set()
    assert named(store, batch, "work").state == "succeeded"


def test_a_late_write_of_the_old_holder_is_fenced(
    store: Store, hand: Hand, clock: HandWoundClock
) -> None:
    _adopt_and_write_late(store, hand, clock)


def _leave_the_living_alone(store: Store, hand: Hand, clock: HandWoundClock) -> None:
    batch = fill(store, spec())
    hand.claim(batch)
    heir = Hand(store, "r_2")
    clock.wind(hand.lease_ms - 1)
    assert store.end_dead_runners("r_2", never) == 0
    assert heir.adopt(batch) == []


def test_nobody_takes_over_from_the_living(store: Store, hand: Hand, clock: HandWoundClock) -> None:
    _leave_the_living_alone(store, hand, clock)


def test_a_lease_that_was_renewed_does_not_lapse_and_one_that_was_ended_is_lost(
    store: Store, hand: Hand, clock: HandWoundClock
) -> None:
    clock.wind(hand.lease_ms - 1)
    assert not hand.write(Turn(renews=(hand.lease_ms, frozenset()))).lost_lease
    clock.wind(hand.lease_ms - 1)
    assert store.end_dead_runners("r_2", never) == 0
    clock.wind(2)
    assert store.end_dead_runners("r_2", never) == 1
    assert hand.write(Turn(renews=(hand.lease_ms, frozenset()))).lost_lease


def test_a_turn_under_a_lost_lease_is_refused_as_a_whole_and_told(store: Store, hand: Hand) -> None:
    batch = fill(store, spec("a"), spec("b"), parallel=1)
    (job,) = hand.claim(batch)
    store.end_runner(hand.name)
    turn = Turn(
        changes=[changed(job, LAUNCHED)],
        claims=[(hand.open(batch), 5)],
        renews=(hand.lease_ms, frozenset()),
    )
    written = hand.write(turn)
    assert written.lost_lease
    assert not written.claimed
    assert kinds(store, batch) == ["opened", "intended", "fenced"]
    assert named(store, batch, "a").state == "launching"
    assert store.batch(batch).fenced == 1


def _keep_the_payload_frozen(store: Store, hand: Hand) -> None:
    batch = fill(store, spec(version=1))
    (job,) = hand.claim(batch)
    store.open_batch(planned(spec(version=2)), listed(spec(version=2)))
    hand.move(job, Move(Event.ABSENT, State.QUEUED, None, {"runner": None}))
    (job,) = hand.claim(batch)
    assert store.spec(job.spec).payload == {"version": 1}


def test_events_are_one_to_one_with_moves(store: Store, hand: Hand) -> None:
    """I11."""
    batch = fill(store, spec())
    (job,) = hand.claim(batch)
    hand.move(job, LAUNCHED, ENDED, SUCCEEDED)
    rows = [row for row in read.events(store.session, 0, batch, 99) if row.from_state]
    assert [(row.kind, row.from_state, row.to_state) for row in rows] == [
        ("intended", "queued", "launching"), ("launched", "launching", "running"),
        ("ended", "running", "finishing"), ("succeeded", "finishing", "succeeded"),
    ]  # fmt: skip


def test_a_transaction_that_breaks_leaves_nothing(store: Store, hand: Hand) -> None:
    """I7: everything of a turn or nothing of it."""
    batch = fill(store, spec("a"), spec("b"))
    job, other = hand.claim(batch)
    before = list(read.jobs(store.session, batch)), kinds(store)
    broken = changed(other, LAUNCHED)
    broken.moves.append(("running", None))  # type: ignore[arg-type]
    with pytest.raises(AttributeError):
        hand.write(Turn(changes=[changed(job, LAUNCHED), broken]))
    assert (list(read.jobs(store.session, batch)), kinds(store)) == before


def _drop(what: str) -> Callable[[Patch], None]:
    words = {
        "token": "? >= 0",
        "nonce": "CAST(? AS TEXT) <> '-'",
        "state": "CAST(? AS TEXT) <> '-'",
    }

    def patch_out(patch: Patch) -> None:
        text = settling._UPDATE.replace(f"AND {what} = ?", f"AND {words[what]}")
        assert text != settling._UPDATE
        patch.setattr(settling, "_UPDATE", text)

    return patch_out


def _thaw(patch: Patch) -> None:
    for module, name in ((claiming, "_INTEND"), (due, "_READY"), (due, "_TIMED")):
        text = getattr(module, name).replace("frozen = generation THEN", "1 = 0 THEN")
        assert text != getattr(module, name)
        patch.setattr(module, name, text)


def _sweep_without_lapse(patch: Patch) -> None:
    patch.setattr(runners, "has_lapsed", lambda *_: True)


Kill = Callable[[Store, Hand, HandWoundClock], None]
MUTANTS: dict[str, tuple[Callable[[Patch], None], Kill]] = {
    "token": (_drop("token"), lambda store, hand, _: _write_stale(store, hand, "token")),
    "nonce": (_drop("nonce"), lambda store, hand, _: _write_stale(store, hand, "nonce")),
    "state": (_drop("state"), lambda store, hand, _: _write_stale(store, hand, "state")),
    "frozen payload": (_thaw, lambda store, hand, _: _keep_the_payload_frozen(store, hand)),
    "lapse": (_sweep_without_lapse, _leave_the_living_alone),
}


@pytest.mark.parametrize("name", MUTANTS)
def test_a_missing_guard_is_noticed(
    store: Store, hand: Hand, clock: HandWoundClock, monkeypatch: Patch, name: str
) -> None:
    mutate, kill = MUTANTS[name]
    mutate(monkeypatch)
    with pytest.raises(AssertionError):
        kill(store, hand, clock)
