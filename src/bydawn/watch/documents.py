"""The JSON objects that scripts rely on: job/1, jobs/1, batch/1 and batches/1.

Fields are only ever added. Names are never cut, instants are UTC, lengths are seconds, money is a
decimal string, and what is not known is null.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from bydawn.core.join import Joined, Standing, fold, is_joined
from bydawn.core.model import Job, JobSpec
from bydawn.core.states import Reason, State, shown
from bydawn.store import read, totals
from bydawn.store.store import Batch, Store
from bydawn.watch.amounts import decimal, rfc3339, seconds
from bydawn.watch.audit import head_now

Document = dict[str, Any]

_SHOWN = ("queued", "running", "succeeded", "failed", "cancelled", "parked")
_UNDER_WAY = (State.QUEUED.value, State.LAUNCHING.value, State.RUNNING.value)
_OWN_CAUSE = (Reason.WITHDRAWN.value, Reason.DEPENDENCY.value, Reason.BUDGET.value)


@dataclass(slots=True)
class Reading:
    """What is known beside the rows: the time, which batches a live runner serves, what backends
    promise about launching, which jobs had succeeded before, and how long services keep results."""

    store: Store
    now: int
    served: frozenset[int] = frozenset()
    guarantee_of: Callable[[JobSpec], str | None] = lambda _: None
    before: frozenset[int] = frozenset()
    keeps_of: Callable[[JobSpec], int | None] = lambda _: None
    _kept: dict[int, tuple[frozenset[str], bool]] = field(default_factory=dict)

    def kept_back(self, batch: Batch) -> tuple[frozenset[str], bool]:
        """Backends whose breaker is open, and whether the canary still stands before the rest."""
        if batch.number not in self._kept:
            session, number = self.store.session, batch.number
            stands = read.canary_stands(session, number, batch.terms.canary)
            self._kept[number] = frozenset(read.open_breakers(session, number)), stands
        return self._kept[batch.number]


@dataclass(slots=True)
class Ending:
    """How a run that was just driven came out; it overrides what the rows alone would say."""

    exit_code: int
    outcome: str
    reasons: tuple[str, ...]
    already_done: int = 0


def job_document(reading: Reading, job: Job) -> Document:
    """One job, as ``show`` and ``jobs get`` print it."""
    batch = reading.store.batch(job.batch)
    changed = _changed(reading, batch)
    return {"schema": "bydawn/job/1", **_job(reading, batch, job, job.number in changed)}


def jobs_document(reading: Reading, jobs: Iterable[Job]) -> Document:
    """Any jobs, of one batch or of several."""
    batches: dict[int, tuple[Batch, frozenset[int]]] = {}
    found = []
    for job in jobs:
        if job.batch not in batches:
            batch = reading.store.batch(job.batch)
            batches[job.batch] = batch, _changed(reading, batch)
        batch, changed = batches[job.batch]
        found.append(_job(reading, batch, job, job.number in changed))
    return {"schema": "bydawn/jobs/1", "jobs": found}


def batch_document(reading: Reading, batch: Batch, ending: Ending | None = None) -> Document:
    """A batch with all its jobs."""
    changed = _changed(reading, batch)
    rows = read.jobs(reading.store.session, batch.number)
    jobs = [_job(reading, batch, job, job.number in changed) for job in rows]
    counts = dict.fromkeys(_SHOWN, 0)
    for one in jobs:
        counts[one["state"]] += 1
    told = _batch(reading, batch, counts, ending)
    return {"schema": "bydawn/batch/1", **told, "jobs": jobs}


def done_before(store: Store, batch: Batch) -> frozenset[int]:
    """The jobs that have succeeded by now, asked when a run begins."""
    rows = read.jobs(store.session, batch.number)
    return frozenset(job.number for job in rows if job.state == State.SUCCEEDED.value)


def batches_document(reading: Reading, batches: Iterable[Batch]) -> Document:
    """Batches without their jobs; the cost of this does not depend on what a job holds."""
    found = [_batch(reading, batch, None, None) for batch in batches]
    return {"schema": "bydawn/batches/1", "batches": found}


def standing_of(reading: Reading, batch: Batch) -> Standing:
    return read.standing(reading.store.session, batch.number, reading.now, batch.deadline_at)


def batch_state(reading: Reading, batch: Batch, standing: Standing) -> str:
    """running, paused, finished, or interrupted: not joined, and nobody at work on it."""
    if batch.paused:
        return "paused"
    if is_joined(standing):
        return "finished"
    return "running" if batch.number in reading.served else "interrupted"


def wall_ms(reading: Reading, batch: Batch, state: str, last_ended: int | None = None) -> int:
    """From opening to the end of the last job, or to joining; up to now while it is not joined."""
    if state != "finished":
        return max(0, reading.now - batch.opened_at)
    end = last_ended or batch.closed_at or reading.now
    return max(0, end - batch.opened_at)


def total_usage(reading: Reading, batch: Batch) -> dict[str, int]:
    """The meters of all jobs, added up."""
    total: dict[str, int] = {}
    for text in totals.usages(reading.store.session, batch.number):
        for name, amount in _decoded(text, {}).items():
            total[name] = total.get(name, 0) + amount
    return total


def reason_shown(reading: Reading, batch: Batch, job: Job, is_changed: bool) -> str | None:
    """The row's reason, or the one that follows from the moment it is read at."""
    if job.state == State.SUCCEEDED.value:
        if is_changed:
            return Reason.CHANGED.value
        return Reason.ALREADY_DONE.value if job.number in reading.before else job.reason
    if job.state != State.QUEUED.value or job.reason in _OWN_CAUSE:
        return job.reason
    if batch.deadline_at is not None and reading.now >= batch.deadline_at:
        return Reason.DEADLINE.value
    if batch.paused:
        return Reason.PAUSED.value
    return job.reason or _kept_back(reading, batch, job)


def _kept_back(reading: Reading, batch: Batch, job: Job) -> str | None:
    """What keeps a job back that could otherwise start."""
    open_breakers, canary_stands = reading.kept_back(batch)
    if job.backend in open_breakers:
        return Reason.BREAKER.value
    return Reason.CANARY.value if canary_stands else None


def cost_of(job: Job, spec: JobSpec) -> int | None:
    """What a job has cost so far; None is unknown, never nothing."""
    if job.cost_micros is None and (job.attempts == 0 or spec.bound.usd_micros == 0):
        return 0
    return job.cost_micros


def _job(reading: Reading, batch: Batch, job: Job, is_changed: bool) -> Document:
    spec = reading.store.spec(job.spec)
    is_over = job.ended_at is not None and job.state not in _UNDER_WAY
    return {
        "job_id": job.job_id,
        "batch": batch.address,
        "job": job.name,
        "key": job.key,
        "revision": job.revision,
        "generation": job.generation,
        "state": shown(job.state),
        "reason": reason_shown(reading, batch, job, is_changed),
        "exit_code": job.exit_code if is_over else None,
        "attempts": job.attempts,
        "token": job.token,
        "backend": spec.backend,
        "guarantee": reading.guarantee_of(spec),
        "remote_id": job.handle,
        "runner": job.runner,
        "machine": job.machine,
        "started_at": rfc3339(job.started_at),
        "ended_at": rfc3339(job.ended_at) if is_over else None,
        "elapsed_s": seconds(elapsed_ms(job)) if is_over else None,
        "usage": _decoded(job.usage, {}),
        "cost_usd": decimal(cost_of(job, spec)),
        "prices": job.prices,
        "tags": _decoded(job.tags, {}),
        "result": _decoded(job.result, None),
        "published": _published(reading, job, spec),
        "error": _error(job),
    }


def elapsed_ms(job: Job) -> int | None:
    """From the start of the last attempt to its end."""
    if job.started_at is None or job.ended_at is None:
        return None
    return max(0, job.ended_at - job.started_at)


def _error(job: Job) -> Document | None:
    if job.error_code is None and job.error_class is None:
        return None
    return {"class": job.error_class, "code": job.error_code, "message": job.error_message or ""}


def _published(reading: Reading, job: Job, spec: JobSpec) -> list[Document]:
    """The newest receipt for each target."""
    if not spec.publish:
        return []
    receipts = read.receipts(reading.store.session, job.number)
    newest = {target: sha256 for target, sha256, _ in receipts}
    return [{"target": target, "sha256": sha256} for target, sha256 in newest.items()]


def _batch(
    reading: Reading, batch: Batch, counts: dict[str, int] | None, ending: Ending | None
) -> Document:
    standing = standing_of(reading, batch)
    state = batch_state(reading, batch, standing)
    joined = _result(batch, state, standing, ending)
    already = ending.already_done if ending else 0
    return {
        "batch": batch.address,
        "plan": batch.plan,
        "edition": batch.edition or None,
        "state": state,
        "outcome": joined.outcome if joined and joined.outcome != "interrupted" else None,
        "exit_code": joined.exit_code if joined else None,
        "reasons": list(joined.reasons) if joined else [],
        "counts": {**(counts or counts_of(standing)), "already_done": already},
        "wall_s": seconds(wall_ms(reading, batch, state)),
        "serial_s": seconds(totals.times(reading.store.session, batch.number).serial_ms),
        "usage": total_usage(reading, batch),
        "cost": _cost(reading, batch),
        "duplicates_refused": batch.refused,
        "fenced_writes": batch.fenced,
        "audit_head": head_now(reading.store.session),
    }


def counts_of(standing: Standing) -> dict[str, int]:
    """The states as a snapshot counted them, one number each."""
    return {name: getattr(standing, name) for name in _SHOWN}


def _result(batch: Batch, state: str, standing: Standing, ending: Ending | None) -> Joined | None:
    if ending:
        return Joined(ending.outcome, ending.exit_code, ending.reasons)
    return fold(standing, batch.terms.allow_failures) if state == "finished" else None


def unpriced(reading: Reading, money: totals.Money) -> int:
    """Jobs that ran and whose price nobody knows; what is declared costless is not among them."""
    store = reading.store
    return sum(count for spec, count in money.unmetered if store.spec(spec).bound.usd_micros != 0)


def _cost(reading: Reading, batch: Batch) -> Document:
    money = totals.money(reading.store.session, batch.number)
    unknown = unpriced(reading, money)
    is_unknown = money.usd_micros == 0 and unknown > 0
    return {
        "usd": None if is_unknown else decimal(money.usd_micros),
        "wasted_usd": None if is_unknown else decimal(money.wasted_micros),
        "reserved_usd": decimal(money.reserved_micros),
        "unknown_price_jobs": unknown,
        "prices": totals.price_lists(reading.store.session, batch.number),
    }


def _changed(reading: Reading, batch: Batch) -> frozenset[int]:
    """Succeeded jobs that the plan now describes otherwise than they were run."""
    return frozenset(read.changed(reading.store.session, batch.number, State.SUCCEEDED.value))


def _decoded(text: str | None, default: Any) -> Any:
    """Stored JSON; text that is none is given as it is."""
    if text is None:
        return default
    try:
        return json.loads(text)
    except ValueError:
        return text


def results(jobs: Iterable[Job]) -> Iterator[Document]:
    """One line per job in input order, for ``results``: its name, its item and what it answered."""
    for job in jobs:
        yield {
            "job": job.name,
            "job_id": job.job_id,
            "state": shown(job.state),
            "item": _decoded(job.item, None),
            "result": _decoded(job.result, None),
        }
