"""What the dashboard's pages are made of: jobs, one job, who needs you, who works."""

from __future__ import annotations

import json
from collections.abc import Iterable

from bydawn.core.budgets import total_tokens
from bydawn.core.model import Job
from bydawn.core.states import shown
from bydawn.core.values import value
from bydawn.store import finding, leases, read
from bydawn.store.finding import Wanted
from bydawn.store.leases import Lease
from bydawn.store.read import Attempt, EventRow
from bydawn.store.runners import Registered
from bydawn.watch import wording
from bydawn.watch.amounts import length
from bydawn.watch.documents import Reading, elapsed_ms, reason_shown
from bydawn.watch.rows import Batch, Store


@value
class JobRow:
    """One job in a list."""

    number: int
    job_id: str
    name: str
    state: str
    why: str
    attempt: int
    elapsed_ms: int | None
    tokens: int
    cost_micros: int | None
    tags: dict[str, str]
    backend: str


@value
class Try:
    """One attempt that has ended."""

    number: int
    began_at: int | None
    elapsed_ms: int | None
    ended_as: str
    exit_code: int | None
    tokens: int
    cost_micros: int | None
    why: str


@value
class JobSight:
    """Everything about one job."""

    job: Job
    batch: Batch
    row: JobRow
    tries: tuple[Try, ...]
    published: tuple[tuple[str, str], ...]
    guarantee: str | None


@value
class OnDuty:
    """Who is at work, and who holds which name."""

    runners: tuple[Registered, ...]
    leases: tuple[Lease, ...]


def job_rows(
    reading: Reading, batch: Batch, wanted: Wanted, start: int, limit: int
) -> list[JobRow]:
    """Some of the jobs of a batch, in the order of the plan."""
    changed = frozenset(read.changed(reading.store.session, batch.number, "succeeded"))
    jobs = finding.found(reading.store.session, batch.number, wanted, start, limit)
    return [job_row(reading, batch, job, job.number in changed) for job in jobs]


def job_row(reading: Reading, batch: Batch, job: Job, is_changed: bool = False) -> JobRow:
    state = shown(job.state)
    reason = reason_shown(reading, batch, job, is_changed)
    is_running = state == "running" and job.started_at is not None
    took = reading.now - (job.started_at or 0) if is_running else elapsed_ms(job)
    return JobRow(
        number=job.number,
        job_id=job.job_id,
        name=job.name,
        state=state,
        why=_why(reading, job, state, reason),
        attempt=job.attempts,
        elapsed_ms=took,
        tokens=total_tokens(json.loads(job.usage)) if job.usage else 0,
        cost_micros=job.cost_micros,
        tags=json.loads(job.tags) if job.tags else {},
        backend=reading.store.spec(job.spec).backend,
    )


def _why(reading: Reading, job: Job, state: str, reason: str | None) -> str:
    if state == "succeeded":
        return wording.why(reason) if reason == "changed" else ""
    if state == "running":
        return wording.stalled(job, reading.now) or _sign_of_life(reading, job)
    return wording.trouble(job) or wording.why(reason)


def _sign_of_life(reading: Reading, job: Job) -> str:
    if job.state == "finishing":
        return "finishing"
    if job.progress_at is None:
        return ""
    return f"last sign {length(max(0, reading.now - job.progress_at))} ago"


def job_sight(reading: Reading, job: Job) -> JobSight:
    session = reading.store.session
    batch = reading.store.batch(job.batch)
    receipts = read.receipts(session, job.number)
    return JobSight(
        job=job,
        batch=batch,
        row=job_row(reading, batch, job),
        tries=tuple(map(_try, read.attempts(session, job.number))),
        published=tuple((target, sha256) for target, sha256, _ in receipts),
        guarantee=reading.guarantee_of(reading.store.spec(job.spec)),
    )


def _try(one: Attempt) -> Try:
    took = one.ended_at - one.started_at if one.ended_at and one.started_at else None
    return Try(
        one.number, one.started_at, took, one.event, one.exit_code,
        total_tokens(json.loads(one.usage)) if one.usage else 0, one.cost_micros,
        wording.fault(one.error_code, one.error_message),
    )  # fmt: skip


def needy_rows(reading: Reading, limit: int) -> list[tuple[Batch, JobRow]]:
    """The jobs a person should look at, the parked ones first."""
    jobs = finding.needy(reading.store.session, limit)
    batches = {number: reading.store.batch(number) for number in {job.batch for job in jobs}}
    return [(batches[job.batch], job_row(reading, batches[job.batch], job)) for job in jobs]


def count_needy(reading: Reading) -> int:
    return finding.count_needy(reading.store.session)


def on_duty(reading: Reading, alive: Iterable[Registered]) -> OnDuty:
    return OnDuty(tuple(alive), tuple(leases.held(reading.store.session)))


def newest_event(store: Store) -> int:
    return read.newest_event(store.session)


def events_after(store: Store, after: int, limit: int) -> list[EventRow]:
    return read.events(store.session, after, 0, limit)
