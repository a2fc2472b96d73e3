"""A turn as one transaction: what it frees it may take again, and it waits no more than it must."""

from __future__ import annotations

import contextlib

import pytest
from filling import ENDED, LAUNCHED, SUCCEEDED, Hand, again, changed, fill, kinds, spec

from between import PASS, CuttingLine, database_of
from bydawn.core.decide import Move
from bydawn.core.model import Job
from bydawn.core.recording import Change
from bydawn.core.states import Event, Reason, State
from bydawn.runner.clock import SystemClock
from bydawn.store import read
from bydawn.store.connect import Unmatched
from bydawn.store.shared import open_server_store
from bydawn.store.store import Store
from bydawn.store.writing import Turn
from servers import Server

_ADD = "INSERT INTO counter (name, used) VALUES (?, 0)"
BROKEN = Move(Event.JUDGED, State.FAILED, Reason.PERMANENT, {"error_code": "no such model"})
_RAISE = "UPDATE counter SET used = used + ? WHERE name = ?"


def over(job: Job) -> Change:
    return changed(job, LAUNCHED, ENDED, SUCCEEDED)


def numbers(jobs: list[Job]) -> list[int]:
    return [job.number for job in jobs]


@pytest.mark.parametrize("there", [[], ["a"], ["a", "b", "c"]])
def test_a_row_that_must_be_there_and_is_not_undoes_everything(
    store: Store, there: list[str]
) -> None:
    session = store.session

    def act() -> None:
        for name in there:
            session.change(_ADD, (name,))
        session.sending_all(_RAISE, [(1, name) for name in (*there, "nowhere")])()

    with pytest.raises(Unmatched):
        session.transact(act)
    assert session.rows("SELECT name FROM counter WHERE name IN ('a', 'b', 'c')") == []
    session.transact(lambda: session.change(_ADD, ("a",)))
    session.transact(session.sending_all(_RAISE, [(7, "a")]))
    assert session.row("SELECT used FROM counter WHERE name = 'a'") == (7,)


def test_what_a_turn_frees_it_takes_again_in_order(store: Store) -> None:
    batch, hand = fill(store, spec(), count=20, parallel=5), Hand(store)
    held = hand.claim(batch)
    assert len(held) == 5
    written = hand.write(Turn([over(job) for job in held], [(hand.open(batch), 100)]))
    assert numbers(written.claimed) == [number + 5 for number in numbers(held)]
    assert read.slots_used(store.session, batch) == 5


def test_places_nobody_had_are_taken_beside_those_a_turn_frees(store: Store) -> None:
    batch, hand = fill(store, spec(), count=20, parallel=5), Hand(store)
    held = hand.claim(batch, room=2)
    written = hand.write(Turn([over(job) for job in held], [(hand.open(batch), 100)]))
    assert len(written.claimed) == 5
    assert read.slots_used(store.session, batch) == 5


def test_a_turn_takes_no_more_than_it_has_room_for(store: Store) -> None:
    batch, hand = fill(store, spec(), count=20, parallel=5), Hand(store)
    held = hand.claim(batch)
    written = hand.write(Turn([over(job) for job in held], [(hand.open(batch), 2)]))
    assert numbers(written.claimed) == [number + 5 for number in numbers(held)[:2]]


def test_what_was_fenced_frees_nothing(store: Store) -> None:
    batch, hand = fill(store, spec(), count=20, parallel=5), Hand(store)
    first, *others = hand.claim(batch)
    changes = [over(job) for job in (first, *others)]
    changes[0].before_nonce = "another"
    written = hand.write(Turn(changes, [(hand.open(batch), 100)]))
    assert written.fenced == {first.number}
    assert len(written.claimed) == 4
    assert read.slots_used(store.session, batch) == 5
    assert kinds(store).count("succeeded") == 4


def test_a_retry_that_waits_is_told_with_the_claim(store: Store) -> None:
    batch, hand = fill(store, spec(), count=3, parallel=5), Hand(store)
    later = store.session.clock.utc_ms() + 5_000
    first, *others = hand.claim(batch)
    changes = [changed(first, LAUNCHED, again(first, later)), *map(over, others)]
    written = hand.write(Turn(changes, [(hand.open(batch), 100)]))
    assert (written.claimed, written.timers) == ([], {batch: later})


def test_a_breaker_is_closed_before_anything_starts_behind_it(store: Store) -> None:
    batch, hand = fill(store, spec(), count=9, parallel=3, breaker=2), Hand(store)
    held = hand.claim(batch)
    failed = [changed(job, LAUNCHED, BROKEN) for job in held[:2]]
    assert hand.write(Turn(failed, [(hand.open(batch), 100)])).claimed == []
    written = hand.write(Turn([over(held[2])], [(hand.open(batch), 100)]))
    assert len(written.claimed) == 3
    told = kinds(store)
    assert told[-4:] == ["breaker_closed", "intended", "intended", "intended"]


def test_a_turn_waits_three_times_for_its_server(postgres_server: Server) -> None:
    """To begin; for what its changes came to and the jobs that may follow; for the commit."""
    heard: list[bytes] = []
    url = postgres_server.database()
    with CuttingLine(postgres_server, database_of(url)) as line:
        opened = open_server_store(line.url, SystemClock(), "s_1")
        with contextlib.closing(opened) as store:
            batch, hand = fill(store, spec(), count=100, parallel=5), Hand(store)
            open_batch, held = hand.open(batch), hand.claim(batch)
            for _ in range(8):  # by then the statements are known
                held = hand.write(Turn(list(map(over, held)), [(open_batch, 100)])).claimed
            line.judge = lambda message: (heard.append(message[:1]), PASS)[1]
            written = hand.write(Turn(list(map(over, held)), [(open_batch, 100)]))
            waits = [kind for kind in heard if kind in (b"Q", b"H", b"S")]
    assert len(written.claimed) == 5
    assert waits == [b"H", b"S", b"S"]
