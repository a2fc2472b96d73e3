"""What a claim must fit through: slots, pools, rates, canary, breaker and every budget.

Only counters are asked, and what is admitted raises them in the same transaction, so every cap
holds across runners and machines.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

from bydawn.core import counting
from bydawn.core.accounts import accounts_of, booking, caps_of, fits, launches_of, tokens_of, usd_of
from bydawn.core.budgets import Amount, reservation, total_tokens
from bydawn.core.model import BatchTerms, Bound, Job, JobSpec, Pool
from bydawn.core.values import value
from bydawn.store import breakers, counters
from bydawn.store.connect import Session

UNLIMITED = 1 << 30


@dataclass(frozen=True, slots=True, order=True)
class Lane:
    """Jobs that share what may keep them back: one backend, one pool (or none)."""

    backend: str
    pool: str = ""


@dataclass(slots=True)
class Open:
    """A batch as its claimer sees it: its terms, its lanes, the day its money is counted on."""

    number: int
    terms: BatchTerms
    lanes: tuple[Lane, ...]
    day: str = ""
    only: str = ""
    revision: int = 1


@dataclass(slots=True)
class Kept:
    """What keeps due jobs of a batch back, and when that may change by itself."""

    why: set[str] = field(default_factory=set)
    until: int | None = None

    def add(self, why: str, until: int | None = None) -> None:
        self.why.add(why)
        if until is not None:
            self.until = until if self.until is None else min(until, self.until)


def canary_room(session: Session, batch: Open, kept: Kept) -> int:
    """How many jobs may be started for the first time before the canary has passed."""
    canary = batch.terms.canary
    if not canary or counters.used(session, counting.succeeded(batch.number)) >= canary:
        return UNLIMITED
    room = canary - counters.used(session, counting.started_as_canary(batch.number))
    if room <= 0:
        kept.add("canary")
    return max(0, room)


def breaker_room(session: Session, batch: Open, lane: Lane, now: int, kept: Kept) -> int:
    """None while the breaker is open, one when a probe is due."""
    probe_at = breakers.probe_at(session, batch.number, lane.backend)
    if probe_at is None:
        return UNLIMITED
    if now < probe_at:
        kept.add("breaker", probe_at)
        return 0
    return 1


def pool_room(session: Session, pool: Pool | None, now: int, kept: Kept) -> int:
    """Free places in a pool, and starts its rate allows now."""
    if pool is None:
        return UNLIMITED
    room = UNLIMITED
    if pool.parallel is not None:
        room = pool.parallel - counters.used(session, counting.pool_slots(pool.name))
    if pool.per_minute is not None:
        room = min(room, _rate_room(session, pool, now, kept))
    return room


def _rate_room(session: Session, pool: Pool, now: int, kept: Kept) -> int:
    """Evenly spaced starts; after a pause a burst, which the spacing makes up for: no minute ever
    sees more starts than the rate says."""
    assert pool.per_minute is not None
    burst, spacing = _pace(pool.per_minute)
    paid_until = counters.used(session, counting.pool_rate(pool.name))
    room = max(0, min(burst, math.floor((now - paid_until) / spacing) + burst))
    if room == 0:
        kept.add("rate", now + max(10, int(spacing)))
    return room


def _pace(per_minute: int) -> tuple[int, float]:
    """How many may start at once after a pause, and how far apart starts are otherwise."""
    burst = max(1, per_minute // 10)
    return burst, 60_000 / max(1, per_minute - burst + 1)


def fill_pool(session: Session, name: str, pool: Pool | None, count: int, now: int) -> None:
    """Take ``count`` places and starts of the pool of this name, be it declared or not."""
    if not name or not count:
        return
    counters.move(session, {counting.pool_slots(name): count})
    if pool is not None and pool.per_minute is not None:
        name = counting.pool_rate(pool.name)
        paid = max(now, counters.used(session, name))
        counters.put(session, name, paid + math.ceil(count * _pace(pool.per_minute)[1]))


@value
class _Booking:
    """What one launch books, and where; the same for all jobs alike in spec, tags and past."""

    amount: Amount
    accounts: tuple[str, ...]
    written: str
    moved: dict[str, int]


class Purse:
    """The budgets of one claim: what is reserved for each job, on which accounts."""

    def __init__(self, session: Session, batch: Open, spec_of: Callable[[int], JobSpec]) -> None:
        self._session, self._batch, self._spec_of = session, batch, spec_of
        self._caps = caps_of(batch.number, batch.terms, batch.day)
        self._before = self._read(self._caps)
        self._used = dict(self._before)
        self._bookings: dict[tuple[object, ...], _Booking] = {}

    def admitted(self, due: Iterable[Job], kept: Kept) -> Iterator[Job]:
        """The jobs that fit, each with its reservation made; the others are kept back."""
        for job in due:
            booked = self._booking(job)
            if self._caps and not fits(self._caps, booked.accounts, self._used, booked.amount):
                kept.add("budget")
                continue
            self._take(job, booked)
            yield job

    def close(self, started: dict[str, int]) -> None:
        """Write down what was booked, with what else the starts move."""
        moved = {name: used - self._before.get(name, 0) for name, used in self._used.items()}
        counters.move(self._session, moved | started)

    def _take(self, job: Job, booked: _Booking) -> None:
        job.reserved_micros, job.reserved_tokens = booked.amount.usd_micros, booked.amount.tokens
        job.accounts = booked.written
        for name, delta in booked.moved.items():
            self._used[name] = self._used.get(name, 0) + delta

    def _booking(self, job: Job) -> _Booking:
        alike = (job.spec, job.tags, job.usage, job.cost_micros)
        found = self._bookings.get(alike)
        if found is None:
            amount = _wanted(job, self._spec_of(job.spec))
            accounts = accounts_of(job.batch, job.tags, self._batch.terms, self._batch.day)
            moved = booking(accounts, amount, 1)
            found = self._bookings[alike] = _Booking(amount, accounts, json.dumps(accounts), moved)
        return found

    def _read(self, caps: dict[str, Bound]) -> dict[str, int]:
        names = [of(account) for account in caps for of in (usd_of, tokens_of, launches_of)]
        return counters.all_of(self._session, sorted(names))


def _wanted(job: Job, spec: JobSpec) -> Amount:
    tokens = total_tokens(json.loads(job.usage)) if job.usage else 0
    return reservation(spec.bound, Amount(job.cost_micros or 0, tokens))
