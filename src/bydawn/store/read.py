"""Read models: what status, watch, report and the join are made of. Nothing here changes
anything."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from bydawn.core import counting
from bydawn.core.join import Standing
from bydawn.core.model import Job
from bydawn.core.values import value
from bydawn.store import counters
from bydawn.store.admission import Lane
from bydawn.store.connect import Session
from bydawn.store.rows import HELD, JOB_COLUMNS, LISTED, NEVER, job_from

_COUNTS = f"""
SELECT state, reason, not_before > 0, not_before >= ?, count(*) FROM job
WHERE batch = ? AND {LISTED} GROUP BY 1, 2, 3, 4"""

# The plus keeps the planner off the index of names, which holds every job of the batch.
_IN_FLIGHT = f"""
SELECT 1 FROM job WHERE +batch = ? AND {HELD}
    AND state <> 'parked' LIMIT 1"""
_QUEUED_EARLIEST = """
SELECT min(not_before) FROM job
WHERE state = 'queued' AND batch = ? AND backend = ? AND pool = ?"""
_WISHES = "SELECT number, wish FROM job WHERE batch = ? AND wish IS NOT NULL"

_JOBS = f"SELECT {JOB_COLUMNS} FROM job WHERE batch = ? AND {LISTED} ORDER BY position, number"
_BY_NAME = f"SELECT {JOB_COLUMNS} FROM job WHERE batch = ? AND name = ?"
_BY_TEMPLATE = f"SELECT {JOB_COLUMNS} FROM job WHERE batch = ? AND template = ? ORDER BY position"
_BY_KEY = f"SELECT {JOB_COLUMNS} FROM job WHERE key >= ? AND key < ?"
_BY_NUMBER = f"SELECT {JOB_COLUMNS} FROM job WHERE number = ?"

_ATTEMPTS = """
SELECT number, revision, generation, token, machine, handle, intended_at, started_at, ended_at,
    event, reason, exit_code, usage, cost_micros, error_class, error_code, error_message, prices,
    container
FROM attempt WHERE job = ? ORDER BY number"""

_LAST_ERROR = """
SELECT coalesce(nullif(error_message, ''), error_code, '') FROM attempt WHERE job = ? AND number < ?
ORDER BY number DESC LIMIT 1"""

_JOURNAL = """
SELECT e.seq, e.at, coalesce(b.plan, ''), coalesce(b.edition, ''), j.name, e.kind, e.from_state,
    e.to_state, e.reason, e.token, e.attempt, e.runner, e.detail, j.key, e.job
FROM event e LEFT JOIN batch b ON b.number = e.batch LEFT JOIN job j ON j.number = e.job
WHERE e.seq > ?"""
_EVENTS = f"{_JOURNAL} AND (? = 0 OR e.batch = ?) ORDER BY e.seq LIMIT ?"

_RECEIPTS = "SELECT target, sha256, at FROM receipt WHERE job = ? ORDER BY at, target"
_CHANGED = "SELECT number FROM job WHERE batch = ? AND next_spec IS NOT NULL AND state = ?"
_TERMINAL_MARK = """
SELECT number FROM job WHERE batch = ? AND withdrawn = 0 AND state IN ('failed', 'cancelled')"""


@value
class Attempt:
    """One launch of a job that has ended."""

    number: int
    revision: int
    generation: int
    token: int
    machine: str | None
    handle: str | None
    intended_at: int | None
    started_at: int | None
    ended_at: int | None
    event: str
    reason: str | None
    exit_code: int | None
    usage: str | None
    cost_micros: int | None
    error_class: str | None
    error_code: str | None
    error_message: str | None
    prices: str | None = None
    container: str | None = None


@value
class EventRow:
    """One line of the journal, with the names people use."""

    seq: int
    at: int
    plan: str
    edition: str
    job: str | None
    kind: str
    from_state: str | None
    to_state: str | None
    reason: str | None
    token: int | None
    attempt: int | None
    runner: str | None
    detail: str | None
    key: str | None
    job_number: int | None


_KEPT_FOR_GOOD = ("budget", "canary")
_COUNTED_AS: dict[str, str] = {"launching": "queued", "finishing": "running"}


def standing(session: Session, batch: int, now: int, deadline_at: int | None) -> Standing:
    """Everything the join needs, counted in one snapshot."""
    totals: dict[str, int] = {}
    over = deadline_at is not None and now >= deadline_at
    for state, reason, _, is_blocked, count in session.rows(_COUNTS, (NEVER, batch)):
        word = _COUNTED_AS.get(str(state)) or str(state)
        totals[word] = totals.get(word, 0) + count
        for name in _facts(state, reason, bool(is_blocked), over):
            totals[name] = totals.get(name, 0) + count
    paused = session.row("SELECT paused FROM batch WHERE number = ?", (batch,))
    return Standing(**totals, paused=bool(paused and paused[0]))


def _facts(state: str, reason: str | None, is_blocked: bool, over: bool) -> Iterator[str]:
    if state == "launching":
        yield "launching"
    if state == "queued":
        if is_blocked:
            yield "blocked"
        elif over:
            yield "past_deadline"
        elif reason not in _KEPT_FOR_GOOD:
            yield "startable"
        elif reason == "canary":
            yield "behind_canary"
    if reason == "budget":
        yield "over_budget"
    if reason == "deadline" and not (state == "queued" and over and not is_blocked):
        yield "past_deadline"


def is_in_flight(session: Session, batch: int) -> bool:
    """Whether anything is launching, running or finishing; cheap at any size of batch."""
    return session.row(_IN_FLIGHT, (batch,)) is not None


def earliest(session: Session, batch: int, lanes: Sequence[Lane]) -> int | None:
    """When the next queued job may start: 0 is now, None is never by itself."""
    found = [session.row(_QUEUED_EARLIEST, (batch, lane.backend, lane.pool)) for lane in lanes]
    starts = [row[0] for row in found if row and row[0] is not None and row[0] < NEVER]
    return min(starts) if starts else None


def wishes(session: Session, batch: int) -> dict[int, str]:
    found: dict[int, str] = dict(session.rows(_WISHES, (batch,)))
    return found


def jobs(session: Session, batch: int) -> Iterator[Job]:
    """The jobs of a batch in input order."""
    return map(job_from, session.each(_JOBS, (batch,)))


_EVER = f"SELECT {JOB_COLUMNS} FROM job WHERE batch = ? ORDER BY name"


def ever(session: Session, batch: int) -> list[Job]:
    """Every job a batch ever had, listed or not."""
    return [job_from(row) for row in session.rows(_EVER, (batch,))]


_NEWEST = "SELECT coalesce(max(seq), 0) FROM event"
_TROUBLES = f"""{_JOURNAL} AND e.seq <= ? AND e.batch = ?
    AND (e.job IS NULL OR e.to_state IN ('failed', 'parked'))
ORDER BY e.seq"""


def newest_event(session: Session) -> int:
    """The place of the newest event in the journal."""
    row = session.row(_NEWEST)
    return int(row[0]) if row else 0


def troubles(session: Session, after: int, until: int, batch: int) -> list[EventRow]:
    """What a person would want to hear of a batch between two places of the journal."""
    return [EventRow(*row) for row in session.rows(_TROUBLES, (after, until, batch))]


def jobs_named(session: Session, batch: int, name: str) -> list[Job]:
    """The job of that name, or all jobs of that [[job]]."""
    rows = session.rows(_BY_NAME, (batch, name)) or session.rows(_BY_TEMPLATE, (batch, name))
    return [job_from(row) for row in rows]


def jobs_with_key(session: Session, prefix: str) -> list[Job]:
    """Jobs whose key begins so; a job_id names one of them."""
    return [job_from(row) for row in session.rows(_BY_KEY, (prefix, prefix + "g"))]


def job(session: Session, number: int) -> Job:
    row = session.row(_BY_NUMBER, (number,))
    assert row is not None
    return job_from(row)


def attempts(session: Session, number: int) -> list[Attempt]:
    return [Attempt(*row) for row in session.rows(_ATTEMPTS, (number,))]


def last_error(session: Session, number: int, attempt: int) -> str:
    """What went wrong with the attempt before this one; empty when nothing did."""
    row = session.row(_LAST_ERROR, (number, attempt))
    return str(row[0]) if row else ""


def events(session: Session, after: int, batch: int, limit: int) -> list[EventRow]:
    """The journal after a position; ``batch`` 0 is all of them."""
    return [EventRow(*row) for row in session.rows(_EVENTS, (after, batch, batch, limit))]


def receipts(session: Session, number: int) -> list[tuple[Any, ...]]:
    return session.rows(_RECEIPTS, (number,))


def changed(session: Session, batch: int, state: str) -> list[int]:
    """Jobs of a state whose payload in the plan is no longer what they were run with."""
    return [int(row[0]) for row in session.rows(_CHANGED, (batch, state))]


def unwell(session: Session, batch: int) -> list[int]:
    """Failed and cancelled jobs that the plan still lists."""
    return [int(row[0]) for row in session.rows(_TERMINAL_MARK, (batch,))]


def slots_used(session: Session, batch: int) -> int:
    return counters.used(session, counting.slots(batch))


_OPEN_BREAKERS = """
SELECT backend, fingerprint, probe_at FROM breaker
WHERE batch = ? AND opened_at IS NOT NULL ORDER BY backend"""


def open_breakers(session: Session, batch: int) -> dict[str, tuple[str, int]]:
    """Backends whose breaker is open: the failure, and when the next probe goes."""
    rows = session.rows(_OPEN_BREAKERS, (batch,))
    return {backend: (failure, probe_at) for backend, failure, probe_at in rows}


def canary_stands(session: Session, batch: int, canary: int) -> bool:
    """Whether the rest still waits for the canary."""
    return bool(canary) and counters.used(session, counting.succeeded(batch)) < canary


def retries_used(session: Session, batch: int) -> int:
    return counters.used(session, counting.retries(batch))


def size(session: Session, batch: int) -> int:
    """How many jobs a batch has."""
    row = session.row("SELECT count(*) FROM job WHERE batch = ?", (batch,))
    return int(row[0]) if row else 0
