"""Claims: due jobs become ours under new tokens, within every cap; lapsed claims are taken over.

All of it happens inside the caller's write transaction, so what was counted is what is taken.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field

from bydawn.core import counting
from bydawn.core.budgets import Amount, has_room, reservation, total_tokens
from bydawn.core.model import BatchTerms, Job, JobSpec, Pool
from bydawn.core.states import Event, State
from bydawn.store import counters
from bydawn.store.connect import Session
from bydawn.store.events import Told, encoded, tell
from bydawn.store.rows import JOB_COLUMNS, job_from
from bydawn.store.runners import guarded_machines

_PARKED = State.PARKED.value

_READY = f"""
SELECT {JOB_COLUMNS} FROM job
WHERE state = 'queued' AND batch = ? AND pool = ? AND not_before = 0
    AND wish IS NULL AND (? = '' OR template = ? OR name GLOB ?)
ORDER BY rank, number LIMIT ?"""

_TIMED = f"""
SELECT {JOB_COLUMNS} FROM job
WHERE state = 'queued' AND batch = ? AND pool = ? AND not_before > 0 AND not_before <= ?
    AND wish IS NULL AND (? = '' OR template = ? OR name GLOB ?)
ORDER BY not_before, rank, number LIMIT ?"""

_INTEND = """
UPDATE job SET state = 'launching', reason = NULL, token = ?, nonce = ?, runner = ?, machine = ?,
    attempts = attempts + 1, intended_at = ?, started_at = NULL, ended_at = NULL,
    exit_code = NULL, result = NULL, not_before = 0, reserved_micros = ?, reserved_tokens = ?,
    spec = CASE WHEN frozen = generation THEN spec ELSE COALESCE(next_spec, spec) END,
    item = CASE WHEN frozen = generation THEN item ELSE COALESCE(next_item, item) END,
    next_spec = CASE WHEN frozen = generation THEN next_spec END,
    next_item = CASE WHEN frozen = generation THEN next_item END,
    frozen = generation
WHERE number = ? AND state = 'queued' AND token = ? AND nonce = ?"""

_PAYLOADS = "SELECT spec, item FROM job WHERE number = ?"
_REVISED = "SELECT 1 FROM job WHERE number = ? AND next_spec IS NOT NULL AND frozen <> generation"

_ORPHANS = f"""
SELECT {JOB_COLUMNS} FROM job
WHERE batch = ? AND state IN ('launching', 'running', 'finishing', 'parked')
    AND (runner IS NULL OR runner NOT IN (SELECT id FROM runner WHERE ended_at IS NULL))
    AND (state <> 'parked' OR wish IS NOT NULL OR (handle IS NOT NULL AND step IS NULL))
LIMIT ?"""

_ADOPT = """
UPDATE job SET token = ?, nonce = ?, runner = ?
WHERE number = ? AND state = ? AND token = ? AND nonce = ?"""


@dataclass(slots=True)
class Open:
    """A batch as its claimer sees it: its terms, its pools with their caps, and which jobs count."""

    number: int
    terms: BatchTerms
    pools: tuple[str, ...] = ("",)
    only: str = ""
    is_revised: bool = False


@dataclass(slots=True)
class Claimer:
    """Who claims, on which machine, and where new nonces come from. ``is_local`` says whether the
    runs of a spec live on one machine."""

    runner: str
    machine: str
    nonce: Callable[[], str]
    spec_of: Callable[[int], JobSpec]
    pool_of: Callable[[str], Pool | None]
    is_local: Callable[[JobSpec], bool] = lambda _: False


@dataclass(slots=True)
class Claimed:
    """What a claim took, and which batches have due jobs that a budget kept back."""

    jobs: list[Job] = field(default_factory=list)
    out_of_budget: set[int] = field(default_factory=set)


def claim(session: Session, claimer: Claimer, batch: Open, room: int, now: int) -> Claimed:
    """Take due jobs of one batch, as many as every cap lets through, at most ``room``."""
    taken = Claimed()
    room = min(room, batch.terms.parallel - counters.used(session, counting.slots(batch.number)))
    for pool in batch.pools:
        if room <= 0:
            break
        limit = min(room, _pool_room(session, claimer, pool, now))
        due = _within_budget(session, claimer, batch, _due(session, batch, pool, limit, now), taken)
        taken.jobs.extend(due)
        room -= len(due)
        _fill_pool(session, claimer, pool, len(due), now)
    if taken.jobs:
        _intend(session, claimer, taken.jobs, batch.is_revised, now)
        counters.move(session, {counting.slots(batch.number): len(taken.jobs)})
    return taken


def _due(session: Session, batch: Open, pool: str, limit: int, now: int) -> list[Job]:
    if limit <= 0:
        return []
    only = (batch.only, batch.only, batch.only)
    timed = session.rows(_TIMED + session.picks, (batch.number, pool, now, *only, limit))
    ready = session.rows(_READY + session.picks, (batch.number, pool, *only, limit - len(timed)))
    return [job_from(row) for row in (*timed, *ready)]


def _pool_room(session: Session, claimer: Claimer, name: str, now: int) -> int:
    pool = claimer.pool_of(name) if name else None
    if pool is None:
        return 1 << 30
    room = 1 << 30
    if pool.parallel is not None:
        room = pool.parallel - counters.used(session, counting.pool_slots(name))
    if pool.per_minute is not None:
        room = min(room, _rate_room(session, pool, now))
    return room


def _rate_room(session: Session, pool: Pool, now: int) -> int:
    """Evenly spaced starts with a burst of at most a tenth of a minute's worth."""
    assert pool.per_minute is not None
    spacing = 60_000 / pool.per_minute
    burst = max(1, pool.per_minute // 10)
    paid_until = counters.used(session, counting.pool_rate(pool.name))
    return max(0, min(burst, int((now - paid_until) / spacing) + burst))


def _fill_pool(session: Session, claimer: Claimer, name: str, count: int, now: int) -> None:
    pool = claimer.pool_of(name) if name else None
    if pool is None or not count:
        return
    counters.move(session, {counting.pool_slots(name): count})
    if pool.per_minute is not None:
        paid = max(now, counters.used(session, counting.pool_rate(name)))
        counters.put(session, counting.pool_rate(name), paid + count * 60_000 // pool.per_minute)


def _within_budget(
    session: Session, claimer: Claimer, batch: Open, due: list[Job], taken: Claimed
) -> list[Job]:
    """Reserve for each job in turn; the first that does not fit stops the rest of this pool."""
    bound = batch.terms.bound
    if bound.is_open:
        return due
    number = batch.number
    names = (counting.usd(number), counting.tokens(number), counting.launches(number))
    used = [counters.used(session, name) for name in names]
    caps = (bound.usd_micros, bound.tokens, bound.launches)
    kept: list[Job] = []
    for job in due:
        wanted = _reserve(job, claimer.spec_of(job.spec))
        need = (wanted.usd_micros, wanted.tokens, 1)
        if not all(map(has_room, caps, used, need)):
            taken.out_of_budget.add(number)
            break
        used = [have + more for have, more in zip(used, need, strict=True)]
        job.reserved_micros, job.reserved_tokens = wanted.usd_micros, wanted.tokens
        kept.append(job)
    _book(session, names, kept)
    return kept


def _reserve(job: Job, spec: JobSpec) -> Amount:
    tokens = total_tokens(json.loads(job.usage)) if job.usage else 0
    return reservation(spec.bound, Amount(job.cost_micros or 0, tokens))


def _book(session: Session, names: tuple[str, str, str], jobs: list[Job]) -> None:
    if jobs:
        usd = sum(job.reserved_micros for job in jobs)
        tokens = sum(job.reserved_tokens for job in jobs)
        counters.move(session, dict(zip(names, (usd, tokens, len(jobs)), strict=True)))


def _intend(
    session: Session, claimer: Claimer, jobs: list[Job], is_revised: bool, now: int
) -> None:
    """The intention, committed before any backend is called."""
    revised = [job for job in jobs if is_revised and session.row(_REVISED, (job.number,))]
    first = counters.take_tokens(session, len(jobs))
    writes = []
    for offset, job in enumerate(jobs):
        guard = (job.number, job.token, job.nonce)
        _take(job, claimer, first + offset, now)
        reserved = (job.reserved_micros, job.reserved_tokens)
        taken = (job.token, job.nonce, claimer.runner, claimer.machine, now)
        writes.append((*taken, *reserved, *guard))
    assert session.change_many(_INTEND, writes) == len(jobs), "a queued job moved under our lock"
    for job in revised:
        job.spec, job.item = session.row(_PAYLOADS, (job.number,)) or (job.spec, job.item)
    tell(session, (_intended(job, claimer.runner, now) for job in jobs))


def _take(job: Job, claimer: Claimer, token: int, now: int) -> None:
    """The row as _INTEND writes it, in memory."""
    job.state, job.reason = State.LAUNCHING.value, None
    job.token, job.nonce = token, claimer.nonce()
    job.runner, job.machine = claimer.runner, claimer.machine
    job.attempts += 1
    job.intended_at, job.started_at, job.ended_at = now, None, None
    job.exit_code = job.result = None
    job.not_before = 0
    job.fresh = True


def _intended(job: Job, runner: str, now: int) -> Told:
    states = (State.QUEUED.value, State.LAUNCHING.value)
    return Told(
        now, job.batch, job.number, Event.INTENDED.value, *states, None, job.token,
        job.attempts, runner,
    )  # fmt: skip


def adopt(session: Session, claimer: Claimer, batch: Open, room: int, now: int) -> list[Job]:
    """Take over what runners that are gone have left behind; the same attempt, a new claim."""
    found = [job_from(row) for row in session.rows(_ORPHANS, (batch.number, room))]
    orphans = _without_theirs(session, claimer, batch, found)
    if not orphans:
        return []
    first = counters.take_tokens(session, len(orphans))
    for offset, job in enumerate(orphans):
        guard = (job.number, job.state, job.token, job.nonce)
        job.token, job.nonce, job.runner = first + offset, claimer.nonce(), claimer.runner
        assert session.change(_ADOPT, (job.token, job.nonce, job.runner, *guard)) == 1
    tell(session, (_claimed(job, now) for job in orphans))
    return orphans


def _without_theirs(
    session: Session, claimer: Claimer, batch: Open, orphans: list[Job]
) -> list[Job]:
    """Local runs of another machine are left to it while a lease of its runners lasts, and what is
    parked there is left to it for good, unless a person asked for something."""
    here = (None, claimer.machine)
    away = {
        job.number
        for job in orphans
        if job.machine not in here and claimer.is_local(claimer.spec_of(job.spec))
    }
    guarded = guarded_machines(session, batch.number) if away else frozenset()
    return [
        job
        for job in orphans
        if job.number not in away
        or not (job.machine in guarded or (job.state == _PARKED and job.wish is None))
    ]


def _claimed(job: Job, now: int) -> Told:
    return Told(
        now, job.batch, job.number, Event.CLAIMED.value, job.state, job.state, job.reason,
        job.token, job.attempts, job.runner,
    )  # fmt: skip


_KEEP_BACK = """
UPDATE job SET reason = 'budget'
WHERE state = 'queued' AND batch = ? AND not_before = 0 AND reason IS NULL"""


def mark_out_of_budget(session: Session, batch: int) -> None:
    """Every job that could start now is kept back by a budget; inside a write transaction."""
    kept = session.change(_KEEP_BACK, (batch,))
    if kept:
        detail = encoded({"kept_back": kept})
        tell(session, [Told(session.clock.utc_ms(), batch, None, "out_of_budget", detail=detail)])
