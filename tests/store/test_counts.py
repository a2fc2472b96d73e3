"""Any history of two claimers and a person leaves counters that a recount agrees with, and a
journal that tells every move once."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

from filling import ENDED, FAILED, LAUNCHED, LOST, SUCCEEDED, Hand, again, listed, planned, spec
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from bydawn.core.decide import Move
from bydawn.core.errors import Refused
from bydawn.core.model import Bound, Job, JobSpec, Pool
from bydawn.core.sightings import Usage
from bydawn.core.states import Event, Reason, State
from bydawn.store import read
from bydawn.store.sqlite import forgo_durability
from bydawn.store.store import Store, open_store
from bydawn.testing.counted import check_now
from bydawn.testing.invariants import check_journal, check_tokens
from bydawn.testing.virtual import HandWoundClock

SPECS = tuple(
    spec(f"j{n}", pool="p" if n % 2 else None, bound=Bound(usd_micros=100), after=after)
    for n, after in enumerate(((), (), (), ("j0",), ("j1",)))
)
POOLS = (Pool("p", parallel=1),)
USAGES = (None, Usage({"input_tokens": 3}, 40), Usage(), Usage({}, 100))


class Histories(RuleBasedStateMachine):
    """Two claimers whose memory may be stale, one person, one plan that is edited."""

    def __init__(self) -> None:
        super().__init__()
        self._folder = tempfile.TemporaryDirectory()
        self.clock = HandWoundClock()
        self.stores = [self._open() for _ in range(3)]
        self.hands = [Hand(store, f"r_{n}") for n, store in enumerate(self.stores[:2])]
        self.person = self.stores[2]
        self.known = {one.id: listed(one)[0].key for one in SPECS}
        self.terms = planned(
            *SPECS, parallel=3, bound=Bound(usd_micros=450, launches=40), pools=POOLS
        ).terms
        self.holding: list[dict[int, Job]] = [{}, {}]
        self.batch = self._record(SPECS)

    def _open(self) -> Store:
        store = open_store(Path(self._folder.name) / "s.db", self.clock, "s_1")
        forgo_durability(store.session)
        return store

    def _record(self, some: tuple[JobSpec, ...]) -> int:
        plan = planned(*some, parallel=3, bound=self.terms.bound, pools=POOLS)
        return self.stores[2].open_batch(plan, listed(*some)).number

    def teardown(self) -> None:
        for store in self.stores:
            store.close()
        self._folder.cleanup()

    @rule(who=st.integers(0, 1), room=st.integers(1, 4))
    def claim(self, who: int, room: int) -> None:
        for job in self.hands[who].claim(self.batch, room):
            self.holding[who][job.number] = job

    @rule(who=st.integers(0, 1), data=st.data(), usage=st.sampled_from(USAGES))
    @precondition(lambda self: any(self.holding))
    def move(self, who: int, data: st.DataObject, usage: Usage | None) -> None:
        held = self.holding[who]
        if not held:
            return
        job = held[data.draw(st.sampled_from(sorted(held)))]
        moves = {
            "launching": (LAUNCHED, Move(Event.ABSENT, State.QUEUED, None, {"runner": None})),
            "running": (ENDED, FAILED, LOST, again(job, self.clock.utc_ms() + 5)),
            "finishing": (SUCCEEDED,),
        }.get(job.state, ())
        if moves:
            chosen = data.draw(st.sampled_from(moves))
            self._write(who, job, chosen, usage)

    def _write(self, who: int, job: Job, move: Move, usage: Usage | None) -> None:
        ends = move in (ENDED, FAILED) or move.reason is Reason.BACKOFF
        metered = usage if ends and job.state == "running" else None
        changes = dict(move.changes)
        if metered is not None and metered.cost_micros is not None:
            changes["cost_micros"] = (job.cost_micros or 0) + metered.cost_micros
        if metered is not None and metered.tokens:
            changes["usage"] = _added(job.usage, metered.tokens["input_tokens"])
        whole = Move(move.event, move.to, move.reason, changes, move.detail)
        fenced = self.hands[who].move(job, whole, usage=metered)
        if fenced or job.state not in ("launching", "running", "finishing"):
            self.holding[who].pop(job.number)

    @rule(who=st.integers(0, 1))
    def die_and_be_replaced(self, who: int) -> None:
        """The other one takes over; the dead one's memory lives on and is stale."""
        self.person.end_runner(self.hands[who].name)
        heir = 1 - who
        for job in self.hands[heir].adopt(self.batch):
            self.holding[heir][job.number] = job

    @rule(who=st.integers(0, 1))
    def come_back(self, who: int) -> None:
        self.clock.wind(1)
        name = f"r_{who}_{self.clock.boot_ms()}"
        self.hands[who] = Hand(self.stores[who], name)

    @rule(number=st.integers(1, len(SPECS)), deed=st.sampled_from(["cancel", "retry"]))
    def act_on(self, number: int, deed: str) -> None:
        getattr(self.person, deed)(number, self.hands[0].chance.nonce)

    @rule(
        number=st.integers(1, len(SPECS)), answer=st.sampled_from(["succeeded", "failed", "retry"])
    )
    def resolve(self, number: int, answer: str) -> None:
        try:
            self.person.resolve(number, answer, "seen", self.hands[0].chance.nonce)
        except Refused:
            assert read.job(self.person.session, number).state != "parked"

    @rule(paused=st.booleans())
    def pause(self, paused: bool) -> None:
        self.person.pause(self.batch, paused)

    @rule(chosen=st.sets(st.integers(0, 2), min_size=1))
    def revise(self, chosen: set[int]) -> None:
        some = tuple(SPECS[n] for n in sorted(chosen))
        self._record(SPECS if len(some) == 3 else some)

    @rule(ms=st.sampled_from([1, 10, 1_000]))
    def wait(self, ms: int) -> None:
        self.clock.wind(ms)

    @invariant()
    def counters_equal_a_recount(self) -> None:
        check_now(self.person, self.known, self.terms, self.batch)

    @invariant()
    def the_journal_tells_every_move_once(self) -> None:
        rows = read.events(self.person.session, 0, self.batch, 1_000_000)
        check_journal(rows, [read.job(self.person.session, n) for n in range(1, len(SPECS) + 1)])
        check_tokens(rows)


def _added(usage: str | None, tokens: int) -> str:
    total = json.loads(usage) if usage else {}
    total["input_tokens"] = total.get("input_tokens", 0) + tokens
    return json.dumps(total, sort_keys=True)


TestHistories = Histories.TestCase
TestHistories.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
