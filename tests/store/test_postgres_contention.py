"""Many claimers at once on one server: caps hold, tokens rise, nobody waits in a circle."""

from __future__ import annotations

import threading
import time
from collections import Counter

import psycopg
import pytest

from bydawn.core.decide import Move
from bydawn.core.keys import job_key
from bydawn.core.model import BatchTerms, Job, JobSpec, PlannedBatch, PlannedJob
from bydawn.core.recording import Change, apply, begin
from bydawn.core.states import Event, State
from bydawn.runner.chance import SystemChance
from bydawn.runner.clock import SystemClock
from bydawn.runner.scope import Scope
from bydawn.store import counters, read
from bydawn.store.claiming import Claimer
from bydawn.store.server import address_of
from bydawn.store.shared import open_server_store
from bydawn.store.store import Store
from bydawn.store.writing import Turn
from servers import Server

CLAIMERS = 4
JOBS = 120
PARALLEL = 10
_PATIENCE_S = 60
_LEFT = "SELECT count(*) FROM job WHERE batch = ? AND state = 'queued'"


@pytest.fixture
def url(postgres_server: Server) -> str:
    return postgres_server.database()


def opened(url: str) -> Store:
    return open_server_store(url, SystemClock(), "s_1")


def planned(store: Store) -> int:
    one = JobSpec(id="work", backend="scripted")
    jobs = [
        PlannedJob("work", f"work/{n}", job_key("night", "", "work", [n]), None, "{}", n, f"i:{n}")
        for n in range(JOBS)
    ]
    terms = BatchTerms(parallel=PARALLEL)
    batch = PlannedBatch("night", "", "/", "night.toml", terms, (one,), "f")
    return store.open_batch(batch, jobs).number


class Hand(threading.Thread):
    """Claims, records the end of what it holds, and claims more, until nothing is left."""

    def __init__(self, url: str, name: str, batch: int) -> None:
        super().__init__()
        self.runner, self._url, self._batch = name, url, batch
        self.tokens: list[int] = []
        self.most_in_flight = 0
        self.error: BaseException | None = None

    def run(self) -> None:
        store = opened(self._url)
        try:
            self._work(store)
        except BaseException as error:
            self.error = error
        finally:
            store.close()

    def _work(self, store: Store) -> None:
        scope = Scope(store, lambda: [self._batch])
        scope.refresh()
        store.register(self.runner, self.runner, 1, 60_000, scope.numbers())
        who = Claimer(self.runner, self.runner, SystemChance().nonces, store.spec, scope.pool)
        held: list[Job] = []
        give_up = time.monotonic() + _PATIENCE_S
        while time.monotonic() < give_up:
            changes = [change for job in held for change in ended(job)]
            turn = Turn(changes=changes, claims=[(scope.served[self._batch].opened, 3)])
            held = store.write(turn, who).claimed
            self.tokens += [job.token for job in held]
            busy = read.slots_used(store.session, self._batch)
            self.most_in_flight = max(self.most_in_flight, busy)
            if not held and store.session.row(_LEFT, (self._batch,)) == (0,):
                return


def ended(job: Job) -> list[Change]:
    change = begin(job)
    apply(change, Move(Event.LAUNCHED, State.RUNNING, None, {"handle": "h"}), None)
    apply(change, Move(Event.ENDED, State.FINISHING, None, {"ended_at": 1}), None)
    apply(change, Move(Event.SUCCEEDED, State.SUCCEEDED, None, {}), None)
    return [change]


def test_many_hands_take_each_job_once(url: str) -> None:
    store = opened(url)
    batch = planned(store)
    hands = [Hand(url, f"r_{n}", batch) for n in range(CLAIMERS)]
    for hand in hands:
        hand.start()
    for hand in hands:
        hand.join(_PATIENCE_S)
    assert [hand.error for hand in hands] == [None] * CLAIMERS
    assert {job.state for job in read.jobs(store.session, batch)} == {"succeeded"}
    tokens = [token for hand in hands for token in hand.tokens]
    assert sorted(tokens) == list(range(1, JOBS + 1))
    assert all(hand.tokens == sorted(hand.tokens) for hand in hands)
    assert max(hand.most_in_flight for hand in hands) <= PARALLEL
    assert counters.used(store.session, f"slots:{batch}") == 0
    kinds = Counter(row.kind for row in read.events(store.session, 0, batch, 10_000))
    assert kinds["intended"] == kinds["succeeded"] == JOBS
    store.close()


def test_a_job_whose_row_somebody_holds_is_claimed_by_nobody_and_still_counts(url: str) -> None:
    """Joined is decided by counting, which sees the row; only picking passes over it."""
    store = opened(url)
    batch = planned(store)
    with psycopg.connect(url) as holder:
        holder.execute("SELECT 1 FROM job WHERE number = 1 FOR UPDATE")
        hand = Hand(url, "r_1", batch)
        hand.start()
        give_up = time.monotonic() + _PATIENCE_S
        while store.session.row(_LEFT, (batch,)) != (1,):
            assert time.monotonic() < give_up
            time.sleep(0.01)
        holder.rollback()
        hand.join(_PATIENCE_S)
    assert hand.error is None
    assert {job.state for job in read.jobs(store.session, batch)} == {"succeeded"}
    last = max(read.jobs(store.session, batch), key=lambda job: job.token)
    assert last.number == 1
    store.close()


def test_a_dead_peer_is_noticed_and_what_the_address_says_wins() -> None:
    given = address_of("postgresql://me@host/night?connect_timeout=3").parameters
    assert given["connect_timeout"] == "3"
    assert (given["keepalives"], given["tcp_user_timeout"]) == ("1", "20000")
    assert given["application_name"] == "bydawn"
