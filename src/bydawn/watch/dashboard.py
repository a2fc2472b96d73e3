"""What the dashboard's pages are made of: batches at a glance, one batch, one job, who works."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import tzinfo

from bydawn.core.accounts import account_of_batch, tokens_of, usd_of
from bydawn.core.budgets import total_tokens
from bydawn.core.model import Job
from bydawn.core.states import shown
from bydawn.store import counters, leases, read, timeline
from bydawn.store.leases import Lease
from bydawn.store.nights import Night
from bydawn.store.nights import nights as nights_of
from bydawn.store.read import Attempt, EventRow
from bydawn.store.runners import Registered
from bydawn.watch import drawing, wording
from bydawn.watch.documents import Reading, elapsed_ms, reason_shown
from bydawn.watch.drawing import Window
from bydawn.watch.markup import Markup
from bydawn.watch.outlook import Outlook
from bydawn.watch.painting import Purse
from bydawn.watch.report import Report, gather
from bydawn.watch.rows import Batch

_GLANCED, _PICTURED, _NIGHTS = 4, 24, 14
_NEEDY = ("parked", "failed")


@dataclass(frozen=True, slots=True)
class Glance:
    """One batch as a card shows it."""

    report: Report
    purse: Purse
    ends_at: int | None

    @property
    def batch(self) -> Batch:
        return self.report.batch


@dataclass(frozen=True, slots=True)
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


@dataclass(frozen=True, slots=True)
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


@dataclass(frozen=True, slots=True)
class JobSight:
    """Everything about one job."""

    job: Job
    batch: Batch
    row: JobRow
    tries: tuple[Try, ...]
    published: tuple[tuple[str, str], ...]
    commands: tuple[str, ...]
    guarantee: str | None


@dataclass(frozen=True, slots=True)
class OnDuty:
    """Who is at work, and who holds which name."""

    runners: tuple[Registered, ...]
    leases: tuple[Lease, ...]


def glances(reading: Reading) -> list[Glance]:
    """What is not finished, newest first, and otherwise what was opened last."""
    batches = reading.store.batches()
    is_open = [batch for batch in batches if batch.closed_at is None]
    chosen = (is_open or batches[:1])[:_GLANCED]
    return [glance(reading, batch) for batch in chosen]


def glance(reading: Reading, batch: Batch) -> Glance:
    session, account = reading.store.session, account_of_batch(batch.number)
    outlook = Outlook(reading.store, batch)
    report = gather(reading, batch)
    ends_at = outlook.ends_at(reading.now) if report.state == "running" else None
    bound = batch.terms.bound
    money = report.money
    used = counters.used(session, usd_of(account))
    spent = max(used, money.usd_micros + money.reserved_micros)
    tokens = max(counters.used(session, tokens_of(account)), report.tokens)
    purse = Purse(spent, bound.usd_micros, money.reserved_micros, tokens, bound.tokens)
    return Glance(report, purse, ends_at)


def night_picture(reading: Reading, batch: Batch, zone: tzinfo | None) -> Markup | None:
    """Who ran when, as far as a picture can show it; None before anything ran."""
    session = reading.store.session
    spans = timeline.spans(session, batch.number, _PICTURED)
    if not spans:
        return None
    last = max(span.ended_at or reading.now for span in spans)
    window = Window(min(batch.opened_at, spans[0].started_at), last, zone)
    return drawing.timeline(spans, timeline.moments(session, batch.number), window)


def recent_nights(reading: Reading, batch: Batch) -> list[Night]:
    """The newest nights of a plan, oldest first."""
    found = nights_of(reading.store.session, batch.plan, batch.opened_at, _NIGHTS)
    return list(reversed(found))


def cost_picture(reading: Reading, batch: Batch) -> Markup | None:
    nights = list(reversed(recent_nights(reading, batch)))
    return drawing.costs(nights, batch.terms.bound.usd_micros)


def job_rows(reading: Reading, batch: Batch) -> Iterator[JobRow]:
    """Every job of a batch, in the order of the plan."""
    changed = frozenset(read.changed(reading.store.session, batch.number, "succeeded"))
    for job in read.jobs(reading.store.session, batch.number):
        yield job_row(reading, batch, job, job.number in changed)


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
        return wording.stalled(job, reading.now) or (
            "finishing" if job.state == "finishing" else ""
        )
    return wording.trouble(job) or wording.why(reason)


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
        commands=tuple(wording.decisions(batch.address, job)),
        guarantee=reading.guarantee_of(reading.store.spec(job.spec)),
    )


def _try(one: Attempt) -> Try:
    took = one.ended_at - one.started_at if one.ended_at and one.started_at else None
    return Try(
        one.number, one.started_at, took, one.event, one.exit_code,
        total_tokens(json.loads(one.usage)) if one.usage else 0, one.cost_micros,
        wording.fault(one.error_code, one.error_message),
    )  # fmt: skip


def needy_rows(reading: Reading, batches: Iterable[Batch]) -> list[tuple[Batch, JobRow]]:
    """The jobs a person should look at, the parked ones first."""
    found = [
        (batch, job_row(reading, batch, job))
        for batch in batches
        for job in read.jobs(reading.store.session, batch.number)
        if job.state in _NEEDY
    ]
    return sorted(found, key=lambda pair: pair[1].state != "parked")


def on_duty(reading: Reading, alive: Iterable[Registered]) -> OnDuty:
    return OnDuty(tuple(alive), tuple(leases.held(reading.store.session)))


def newest_event(reading: Reading) -> int:
    return read.newest_event(reading.store.session)


def events_after(reading: Reading, after: int, limit: int) -> list[EventRow]:
    return read.events(reading.store.session, after, 0, limit)
