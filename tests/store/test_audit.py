"""The chain as the store writes it: whole after anything we do, broken after anything else."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from filling import ENDED, FAILED, LAUNCHED, SUCCEEDED, Hand, changed, fill, named, spec

from bydawn.core.audit import Findings, Flaw
from bydawn.core.chain import Head, Sealer, sealer
from bydawn.store import audit, migrate, receipts
from bydawn.store.connect import Occupied
from bydawn.store.events import Told, tell
from bydawn.store.shared import open_server_store
from bydawn.store.store import Store, open_store
from bydawn.store.writing import Turn
from bydawn.testing.virtual import HandWoundClock
from bydawn.watch.audit import fault_line, verify

Opener = Callable[[], Store]
OURS = sealer(b"o" * 32)


@pytest.fixture
def store(open_one: Opener) -> Store:
    made = open_one()
    made.session.chain.sealer = OURS
    return made


def read(store: Store, *anchors: Head) -> Findings:
    return verify(store, [OURS], anchors)


def told(findings: Findings) -> list[str]:
    return [fault_line(one) for one in findings.faults]


def flaws(findings: Findings) -> set[Flaw]:
    return {one.flaw for one in findings.faults}


def night(store: Store, count: int = 12) -> Head:
    """Some jobs that end well and badly; the head behind them."""
    one = Hand(store)
    batch = fill(store, *(spec(f"j{n}") for n in range(count)), parallel=99)
    jobs = one.claim(batch)
    one.write(Turn(changes=[changed(job, LAUNCHED) for job in jobs]))
    one.write(Turn(changes=[changed(job, ENDED) for job in jobs[2:]]))
    one.write(Turn(changes=[changed(job, SUCCEEDED) for job in jobs[2:]]))
    one.write(Turn(changes=[changed(job, FAILED) for job in jobs[:2]]))
    found = audit.head(store.session)
    assert found is not None
    return found


def spoil(store: Store, sql: str, parameters: tuple[Any, ...] = ()) -> None:
    """What somebody does who can write to the store and is not us."""
    store.session.transact(lambda: store.session.change(sql, parameters))


def test_a_night_is_whole_and_its_head_an_anchor(store: Store) -> None:
    head = night(store)
    found = read(store, head, Head(3, audit.page(store.session, 2)[0][12]))  # type: ignore[index]
    assert told(found) == []
    assert found.head == head
    assert found.events == head.seq


def test_runners_and_people_in_turn_write_one_chain(open_one: Opener) -> None:
    one, other, person = open_one(), open_one(), open_one()
    for each in (one, other):
        each.session.chain.sealer = OURS
    batch = fill(one, *(spec(f"j{n}") for n in range(20)), parallel=99)
    first, second = Hand(one, "r_1"), Hand(other, "r_2")
    for _ in range(4):
        for hand in (first, second):
            jobs = hand.claim(batch, room=2)
            hand.write(Turn(changes=[changed(job, LAUNCHED) for job in jobs]))
    found = read(one)
    assert told(found) == []
    person.pause(batch, True)
    assert told(read(one)) == [f"event {found.events + 1} was written without a key"]


def test_writers_at_the_same_time_write_one_chain(
    kind: str, tmp_path: Path, clock: HandWoundClock, request: pytest.FixtureRequest
) -> None:
    """Four threads, each with a connection and a key of its own; nobody waits for anybody."""
    url = request.getfixturevalue("postgres_server").database() if kind == "postgres" else ""
    keys = [sealer(bytes([number]) * 32) for number in range(4)]
    opener = _opener(url, tmp_path, clock)
    opener().close()

    def write(key: Sealer) -> None:
        store = opener()
        store.session.chain.sealer = key
        for number in range(25):
            event = Told(number, 1, None, key.id)
            store.session.transact(lambda event=event: tell(store.session, [event, event]))  # type: ignore[misc]
        store.close()

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(write, keys))
    store = opener()
    found = verify(store, keys)
    store.close()
    assert told(found) == []
    assert found.events == 4 * 25 * 2
    assert sorted(found.known.values()) == [25] * 4


def _opener(url: str, folder: Path, clock: HandWoundClock) -> Opener:
    if url:
        return lambda: open_server_store(url, clock, "s_1")
    return lambda: open_store(folder / "s.db", clock, "s_1")


def test_a_server_is_asked_no_question_more(
    kind: str, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    if kind != "postgres":
        pytest.skip("a file answers at once")
    asked: list[str] = []
    row = store.session.row
    monkeypatch.setattr(store.session, "row", lambda sql, p=(): asked.append(sql) or row(sql, p))
    night(store)
    assert asked
    assert not any("FROM event" in sql and "LIMIT 1" in sql for sql in asked[:-1])


def test_a_fenced_row_leaves_no_hole(open_one: Opener, store: Store) -> None:
    """Most of a turn is undone and written again row by row."""
    batch = fill(store, *(spec(f"j{n}") for n in range(4)), parallel=99)
    one, other = Hand(store, "r_1"), Hand(open_one(), "r_2")
    other.store.session.chain.sealer = OURS
    jobs = one.claim(batch)
    one.store.end_runner("r_1")
    other.adopt(batch)[0]
    written = one.write(Turn(changes=[changed(job, LAUNCHED) for job in jobs]))
    assert len(written.fenced) == 4
    assert told(read(store)) == []


def test_what_a_failed_transaction_told_was_never_told(store: Store) -> None:
    head = night(store, 3)

    def act() -> None:
        tell(store.session, [Told(1, 1, None, "never")])
        raise Occupied("on purpose")

    with pytest.raises(Occupied):
        store.session.transact(act)
    assert audit.head(store.session) == head
    store.pause(1, True)
    assert told(read(store, head)) == []


def test_every_event_is_guarded(store: Store) -> None:
    night(store, 4)
    for row in audit.page(store.session, 0):
        assert not isinstance(row, int)
        spoil(store, "UPDATE event SET at = at + 1 WHERE seq = ?", (row[0],))
        assert told(read(store)) == [f"event {row[0]} is not what was written"]
        spoil(store, "UPDATE event SET at = at - 1 WHERE seq = ?", (row[0],))
    assert told(read(store)) == []


def test_a_missing_event_is_named(store: Store) -> None:
    night(store)
    spoil(store, "DELETE FROM event WHERE seq IN (9, 10)")
    assert "events 9 to 10 are missing" in told(read(store))


def test_a_cut_tail_shows_against_the_state_even_without_an_anchor(store: Store) -> None:
    head = night(store)
    last = audit.page(store.session, head.seq - 3)
    groups = [
        row[0] for row in audit.page(store.session, 0) if not isinstance(row, int) and row[13]
    ]
    assert last
    spoil(store, "DELETE FROM event WHERE seq > ?", (groups[-2],))
    assert flaws(read(store)) == {Flaw.STATE}
    assert Flaw.CUT in flaws(read(store, head))


def test_a_state_without_its_event_shows(store: Store) -> None:
    night(store)
    job = named(store, 1, "j0")
    spoil(store, "UPDATE job SET state = 'succeeded' WHERE number = ?", (job.number,))
    assert told(read(store)) == [f"{job.job_id} is not what its events tell"]


def test_a_job_that_is_gone_shows(store: Store) -> None:
    night(store)
    spoil(store, "DELETE FROM job WHERE number = 5")
    assert told(read(store)) == ["job number 5 is not what its events tell"]


def test_a_receipt_nobody_told_of_shows(store: Store) -> None:
    night(store)
    spoil(store, "INSERT INTO receipt (job, revision, target, sha256, token, at)"
                 " VALUES (3, 1, 'x', 'y', 1, 1)")  # fmt: skip
    assert told(read(store)) == ["a receipt of job number 3 is not what its events tell"]


def test_another_machines_seals_want_its_key(open_one: Opener, store: Store) -> None:
    night(store, 3)
    theirs = sealer(b"t" * 32)
    other = open_one()
    other.session.chain.sealer = theirs
    other.pause(1, True)
    assert f"sealed with {theirs.id}" in told(read(store))[0]
    assert told(verify(store, [OURS, theirs])) == []


def test_names_in_any_script_come_back_as_they_were_hashed(store: Store) -> None:
    odd = "a\x00b \ud800 \u202e \U0001f600 \u00e9 e\u0301 \n"
    store.session.transact(
        lambda: receipts.tell_adopted(
            store.session, odd.encode("utf-8", "replace").decode(), 1, odd
        )
    )
    assert told(read(store)) == []


def test_more_than_a_page(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    night(store, 20)
    monkeypatch.setattr(audit, "PAGE", 7)
    assert told(read(store)) == []


def test_an_old_store_begins_its_chain_where_it_stands(
    open_one: Opener, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(migrate, "NUMBERS", (1, 2, 3, 4))
        patch.setattr("bydawn.store.events._INSERT", _OLD_INSERT)
        patch.setattr("bydawn.store.order.LAST", "SELECT 0, ''")
        patch.setattr("bydawn.store.chain.Chain.extended", lambda _, events: events)
        old = open_one()
        fill(old, spec("j0"), spec("j1"))
        assert migrate.current(old.session) == 4
        old.close()
    store = open_one()
    store.session.chain.sealer = OURS
    hand = Hand(store)
    jobs = hand.claim(1)
    hand.write(Turn(changes=[changed(job, LAUNCHED) for job in jobs]))
    found = read(store)
    assert told(found) == []
    assert (found.uncovered, found.events) == (1, 5)


_OLD_INSERT = """
INSERT INTO event (at, batch, job, kind, from_state, to_state, reason, token, attempt, runner,
    detail)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"""
