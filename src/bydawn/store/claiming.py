"""Claims: due jobs become ours under new tokens, within every cap; lapsed claims are taken over.

All of it happens inside the caller's write transaction, so what was counted is what is taken.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from bydawn.core import counting
from bydawn.core.model import Job, JobSpec, Pool
from bydawn.core.states import Event, State
from bydawn.store import breakers, counters, due
from bydawn.store.admission import (
    UNLIMITED,
    Kept,
    Lane,
    Open,
    Purse,
    breaker_room,
    canary_room,
    fill_pool,
    pool_room,
)
from bydawn.store.connect import Row, Session
from bydawn.store.due import NEWEST, Starts
from bydawn.store.events import Told, encoded, tell
from bydawn.store.rows import HELD, JOB_COLUMNS, job_from
from bydawn.store.runners import guarded_machines
from bydawn.store.sharing import asking_fair_room

_PARKED, _QUEUED, _LAUNCHING = State.PARKED.value, State.QUEUED.value, State.LAUNCHING.value
_INTENDED = Event.INTENDED.value

# The state is a parameter, so that no planner reads the index of all that is queued for it.
_INTEND = f"""
UPDATE job SET state = 'launching', reason = NULL, token = ?, nonce = ?, runner = ?, machine = ?,
    attempts = attempts + 1, intended_at = ?, started_at = NULL, ended_at = NULL,
    exit_code = NULL, result = NULL, not_before = 0, reserved_micros = ?, reserved_tokens = ?,
    accounts = ?,
    spec = {NEWEST.format("spec")}, item = {NEWEST.format("item")},
    next_spec = CASE WHEN frozen = generation THEN next_spec END,
    next_item = CASE WHEN frozen = generation THEN next_item END,
    frozen = generation
WHERE number = ? AND state = ? AND token = ? AND nonce = ?"""

# One look for all that usually keeps nobody back.
_AS_SEEN = """
SELECT coalesce((SELECT used FROM counter WHERE name = ?), 0),
    (SELECT count(*) FROM runner WHERE ended_at IS NULL),
    (SELECT count(*) FROM breaker WHERE batch = ? AND opened_at IS NOT NULL),
    (SELECT value + 1 FROM sequence WHERE name = 'token')
FROM batch WHERE number = ? AND revision = ? AND paused = 0
    AND NOT EXISTS (SELECT 1 FROM meta WHERE name = 'stop')"""

# The plus keeps the planner off the index of names, which holds every job of the batch.
_ORPHANS = f"""
SELECT {JOB_COLUMNS} FROM job
WHERE +batch = ? AND {HELD}
    AND (runner IS NULL OR runner NOT IN (SELECT id FROM runner WHERE ended_at IS NULL))
    AND (state <> 'parked' OR wish IS NOT NULL OR (handle IS NOT NULL AND step IS NULL))
LIMIT ?"""

_ADOPT = """
UPDATE job SET token = ?, nonce = ?, runner = ?
WHERE number = ? AND state = ? AND token = ? AND nonce = ?"""


@dataclass(slots=True)
class Claimer:
    """Who claims, on which machine, and where new nonces come from. ``is_local`` says whether the
    runs of a spec live on one machine, ``is_alone`` whether nobody else was at work the last time:
    what only others make worth asking is then not asked before it is known. ``starts`` is where
    jobs that may start were seen to begin."""

    runner: str
    machine: str
    nonces: Callable[[int], list[str]]
    spec_of: Callable[[int], JobSpec]
    pool_of: Callable[[str], Pool | None]
    is_local: Callable[[JobSpec], bool] = lambda _: False
    is_alone: bool = True
    starts: Starts = field(default_factory=Starts)


@dataclass(slots=True)
class Claimed:
    """What a claim took, what kept the rest of the due jobs back, and when a retry is due next."""

    jobs: list[Job] = field(default_factory=list)
    kept: Kept = field(default_factory=Kept)
    next_timer: int | None = None


@dataclass(slots=True)
class Asked:
    """What a claim wants to know first; none of it is waited for yet."""

    seen: Callable[[], list[Row]]
    share: Callable[[], int] | None
    next_timer: Callable[[], int | None]
    due: due.Asked | None = None


def ask(session: Session, claimer: Claimer, batch: Open, freed: int, now: int) -> Asked:
    """Send what ``claim`` begins with. So many places as have been ``freed`` are usually all there
    are; then the jobs that may take them are asked for as well."""
    share = None if claimer.is_alone else _asking_share(session, claimer, batch)
    slots = counting.slots(batch.number)
    seen = session.asking(_AS_SEEN, (slots, batch.number, batch.number, batch.revision))
    asked = Asked(seen, share, due.asking_next_timer(session, batch, now))
    if freed and len(batch.lanes) == 1 and not batch.terms.canary:
        asked.due = due.ask(session, claimer.starts, batch, batch.lanes[0], freed, now)
    return asked


def claim(
    session: Session, claimer: Claimer, batch: Open, room: int, now: int, asked: Asked
) -> Claimed:
    """Take due jobs of one batch, as many as every cap lets through, at most ``room``."""
    taken = Claimed()
    seen = asked.seen()
    taken.next_timer = asked.next_timer()
    if not seen:
        return taken  # revised, paused or stopped since the caller looked; its next look will tell
    used, runners, breakers_open, first_token = seen[0]
    room = min(room, batch.terms.parallel - used)
    claimer.is_alone = runners < 2
    if not claimer.is_alone:
        room = min(room, (asked.share or _asking_share(session, claimer, batch))())
    fresh = canary_room(session, batch, taken.kept)
    purse = Purse(session, batch, claimer.spec_of)
    for lane in batch.lanes:
        probes = breaker_room(session, batch, lane, now, taken.kept) if breakers_open else UNLIMITED
        admitted = _claim_lane(
            session, claimer, batch, lane, room, fresh, purse, taken, now, probes, asked.due
        )
        room -= len(admitted)
        fresh -= sum(1 for job in admitted if job.attempts == 0)
        taken.jobs.extend(admitted)
    if taken.jobs:
        purse.close(_started(batch, taken.jobs))
        _intend(session, claimer, taken.jobs, first_token, now)
    return taken


def _asking_share(session: Session, claimer: Claimer, batch: Open) -> Callable[[], int]:
    return asking_fair_room(session, claimer.runner, batch.number, batch.terms.parallel)


def _claim_lane(
    session: Session, claimer: Claimer, batch: Open, lane: Lane, room: int, fresh: int,
    purse: Purse, taken: Claimed, now: int, probes: int, asked: due.Asked | None,
) -> list[Job]:  # fmt: skip
    pool = claimer.pool_of(lane.pool) if lane.pool else None
    room = min(room, probes, pool_room(session, pool, now, taken.kept))
    if room <= 0:
        return []
    found = due.jobs(session, claimer.starts, batch, lane, room, fresh, now, asked)
    admitted = list(itertools.islice(purse.admitted(found, taken.kept), room))
    fill_pool(session, lane.pool, pool, len(admitted), now)
    if admitted and probes == 1:
        breakers.probed(session, batch.number, lane.backend, now)
    return admitted


def _started(batch: Open, jobs: list[Job]) -> dict[str, int]:
    """What so many starts move beside the budgets."""
    started = {counting.slots(batch.number): len(jobs)}
    if batch.terms.canary:
        first = sum(1 for job in jobs if job.attempts == 0)
        started[counting.started_as_canary(batch.number)] = first
    return started


def _intend(session: Session, claimer: Claimer, jobs: list[Job], first: int, now: int) -> None:
    """The intention, committed before any backend is called."""
    counters.draw_tokens(session, len(jobs))
    writes, nonces = [], claimer.nonces(len(jobs))
    for token, (job, nonce) in enumerate(zip(jobs, nonces, strict=True), first):
        guard = (job.number, job.state, job.token, job.nonce)
        _take(job, claimer, token, nonce, now)
        reserved = (job.reserved_micros, job.reserved_tokens, job.accounts)
        writes.append((token, nonce, claimer.runner, claimer.machine, now, *reserved, *guard))
    session.sending_all(_INTEND, writes)()
    tell(session, (_intended(job, claimer.runner, now) for job in jobs))


def _take(job: Job, claimer: Claimer, token: int, nonce: str, now: int) -> None:
    """The row as _INTEND writes it, in memory."""
    job.state, job.reason = _LAUNCHING, None
    job.token, job.nonce = token, nonce
    job.runner, job.machine = claimer.runner, claimer.machine
    job.attempts += 1
    job.intended_at, job.started_at, job.ended_at = now, None, None
    job.exit_code = job.result = None
    job.not_before = 0
    job.fresh = True


def _intended(job: Job, runner: str, now: int) -> tuple[Any, ...]:
    """What ``Told`` holds, in its order."""
    return (
        now, job.batch, job.number, _INTENDED, _QUEUED, _LAUNCHING, None, job.token, job.attempts,
        runner, None,
    )  # fmt: skip


def adopt(session: Session, claimer: Claimer, batch: Open, room: int, now: int) -> list[Job]:
    """Take over what runners that are gone have left behind; the same attempt, a new claim."""
    found = [job_from(row) for row in session.rows(_ORPHANS, (batch.number, room))]
    orphans = _without_theirs(session, claimer, batch, found)
    if not orphans:
        return []
    first = counters.take_tokens(session, len(orphans))
    for token, (job, nonce) in enumerate(
        zip(orphans, claimer.nonces(len(orphans)), strict=True), first
    ):
        guard = (job.number, job.state, job.token, job.nonce)
        job.token, job.nonce, job.runner = token, nonce, claimer.runner
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
UPDATE job SET reason = ?
WHERE state = 'queued' AND batch = ? AND not_before <= ? AND coalesce(reason, '') <> ?"""


def mark_kept_back(session: Session, batch: int, why: str) -> None:
    """Say on every job that could start what keeps it back for good; inside a write transaction."""
    now = session.clock.utc_ms()
    kept = session.change(_KEEP_BACK, (why, batch, now, why))
    if kept:
        detail = encoded({"why": why, "jobs": kept})
        tell(session, [Told(now, batch, None, "kept_back", detail=detail)])
