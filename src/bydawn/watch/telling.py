"""Jobs and batches as lines and tables for people."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from datetime import tzinfo

from bydawn.core.budgets import total_tokens
from bydawn.core.model import Job
from bydawn.core.states import State, shown
from bydawn.store import read
from bydawn.store.read import Attempt
from bydawn.store.store import Batch
from bydawn.watch import ways, wording
from bydawn.watch.amounts import count, day_and_time, dollars, length
from bydawn.watch.documents import Document, Reading, cost_of, elapsed_ms, reason_shown
from bydawn.watch.sanitise import inert, width

_OVER = (State.SUCCEEDED.value, State.CANCELLED.value)


def table(rows: Iterable[Sequence[str]]) -> list[str]:
    """Columns as wide as their widest cell; nothing is cut."""
    cells = [[inert(cell) for cell in row] for row in rows]
    widths = [max(map(width, column)) for column in zip(*cells, strict=True)]
    return ["  ".join(_padded(row, widths)).rstrip() for row in cells]


def _padded(row: Sequence[str], widths: Sequence[int]) -> Iterator[str]:
    for cell, columns in zip(row, widths, strict=True):
        yield cell + " " * (columns - width(cell))


def job_line(batch: str, job: Job) -> str:
    """One job in one line: its address, how it stands, what to type next."""
    name = inert(f"{batch}/{job.name}")
    told = f"{job.job_id}  {name}  {shown(job.state)}"
    if job.state == State.SUCCEEDED.value and elapsed_ms(job) is not None:
        told += f" in {length(elapsed_ms(job))}"
    elif job.state not in _OVER and wording.trouble(job):
        told += f"  {wording.trouble(job)}"
    return f"{told}   {ways.next_command(batch, job)}"


def jobs_table(documents: Iterable[Document]) -> list[str]:
    """``jobs list`` for people."""
    head = ("JOB_ID", "JOB", "STATE", "TRY", "ELAPSED", "USD", "WHY")
    rows = [head, *(_job_row(one) for one in documents)]
    return table(rows) if len(rows) > 1 else ["no jobs"]


def _job_row(one: Document) -> tuple[str, ...]:
    error = one["error"] or {}
    said = wording.fault(error.get("code"), error.get("message"))
    reason = wording.why(one["reason"])
    took = None if one["elapsed_s"] is None else round(one["elapsed_s"] * 1000)
    told = f"{said} ({reason})" if said and reason else said or reason
    return (
        one["job_id"], f"{one['batch']}/{one['job']}", one["state"], str(one["attempts"]),
        length(took), one["cost_usd"] or "unknown", told,
    )  # fmt: skip


def batches_table(documents: Iterable[Document], batches: Iterable[Batch]) -> list[str]:
    """``status`` for people: recent batches, newest first."""
    head = ("BATCH", "OPENED", "TOOK", "OK", "FAILED", "LEFT", "USD", "STATE")
    rows = [_batch_row(one, batch) for one, batch in zip(documents, batches, strict=True)]
    return table([head, *rows]) if rows else ["no batches yet: bydawn run PLAN"]


def _batch_row(one: Document, batch: Batch) -> tuple[str, ...]:
    counts = one["counts"]
    left = counts["queued"] + counts["running"] + counts["parked"]
    outcome = one["outcome"] if one["state"] == "finished" else one["state"]
    took = length(round(one["wall_s"] * 1000))
    return (
        one["batch"], day_and_time(batch.opened_at, None), took, str(counts["succeeded"]),
        str(counts["failed"] + counts["cancelled"]), str(left), one["cost"]["usd"] or "-",
        outcome or "",
    )  # fmt: skip


def job_page(reading: Reading, batch: Batch, job: Job, zone: tzinfo | None) -> list[str]:
    """``show`` for people: everything about one job."""
    spec = reading.store.spec(job.spec)
    is_changed = job.number in read.changed(reading.store.session, batch.number, job.state)
    reason = wording.why(reason_shown(reading, batch, job, is_changed))
    facts = [
        ("job", f"{batch.address}/{job.name}   {job.job_id}"),
        ("state", shown(job.state) + (f", {reason}" if reason else "")),
        ("key", f"{job.key}   revision {job.revision}, generation {job.generation}"),
        ("runs on", f"{spec.backend} ({reading.guarantee_of(spec) or 'unknown'})"),
        ("holds", f"token {job.token}" + (f", {job.runner}" if job.runner else "")),
        ("remote id", job.handle or "-"),
        ("cost", f"{dollars(cost_of(job, spec))}   {_tokens(job.usage)} tokens"),
        ("result", job.result if job.result is not None else "-"),
    ]
    if job.error_code:
        facts.append(("error", f"{job.error_class}: {wording.trouble(job)}"))
    receipts = read.receipts(reading.store.session, job.number)
    facts += [("published", f"{target}   sha256 {sha256}") for target, sha256, _ in receipts]
    lines = table(facts)
    on = ways.decisions(batch.address, job)
    return [*lines, "", *_attempts_table(reading, job, zone), *(["", *on] if on else [])]


def _attempts_table(reading: Reading, job: Job, zone: tzinfo | None) -> list[str]:
    head = ("TRY", "STARTED", "TOOK", "ENDED AS", "EXIT", "TOKENS", "USD", "WHY")
    ended = read.attempts(reading.store.session, job.number)
    rows = [head, *(_attempt_row(one, zone) for one in ended)]
    return table(rows) if len(rows) > 1 else ["no attempt has ended yet"]


def _attempt_row(one: Attempt, zone: tzinfo | None) -> tuple[str, ...]:
    took = one.ended_at - one.started_at if one.ended_at and one.started_at else None
    return (
        str(one.number), day_and_time(one.started_at, zone), length(took), one.event,
        "-" if one.exit_code is None else str(one.exit_code), _tokens(one.usage),
        dollars(one.cost_micros), wording.fault(one.error_code, one.error_message),
    )  # fmt: skip


def _tokens(usage: str | None) -> str:
    return count(total_tokens(json.loads(usage))) if usage else "no"
