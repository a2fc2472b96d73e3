"""The join told to a person: what needs one, then what it took. Gathered once, told in any form."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field

from bydawn.core.budgets import total_tokens
from bydawn.core.model import Job
from bydawn.core.states import State, shown
from bydawn.store import read
from bydawn.store.store import Batch
from bydawn.watch import wording
from bydawn.watch.documents import (
    Reading,
    batch_state,
    cost_of,
    elapsed_ms,
    reason_shown,
    standing_of,
    total_usage,
    wall_ms,
)
from bydawn.watch.sanitise import inert, shortened, width

_AT_MOST = 20
_NAME, _WHY = 28, 60
_NEEDY = {State.FAILED.value: "FAILED", State.PARKED.value: "PARKED"}


@dataclass(frozen=True, slots=True)
class Need:
    """One job a person should look at, and the command to begin with."""

    word: str
    name: str
    why: str
    command: str


@dataclass(frozen=True, slots=True)
class Longest:
    name: str
    elapsed_ms: int


@dataclass(slots=True)
class Report:
    """A batch as the morning finds it."""

    batch: Batch
    state: str
    counts: dict[str, int]
    needs: list[Need]
    waiting: dict[str, int]
    wall_ms: int
    serial_ms: int
    money: read.Money
    tokens: int
    repeats: int = 0
    changed: int = 0
    longest: Longest | None = None

    @property
    def total(self) -> int:
        return sum(self.counts.values())

    @property
    def is_well(self) -> bool:
        return self.state == "finished" and self.counts["succeeded"] == self.total


@dataclass(slots=True)
class _Gathering:
    """What one pass over the jobs adds up to."""

    counts: dict[str, int] = field(
        default_factory=lambda: dict.fromkeys(
            ("queued", "running", "succeeded", "failed", "cancelled", "parked"), 0
        )
    )
    needs: list[Need] = field(default_factory=list)
    waiting: dict[str, int] = field(default_factory=dict)
    repeats: int = 0
    unpriced: int = 0
    last_ended: int = 0
    longest: Longest | None = None


def gather(reading: Reading, batch: Batch) -> Report:
    """Read a batch once and keep only what a report tells."""
    session = reading.store.session
    found = _Gathering()
    for job in read.jobs(session, batch.number):
        _add(found, reading, batch, job)
    state = batch_state(reading, batch, standing_of(reading, batch))
    found.needs.sort(key=lambda need: need.word != "PARKED")
    return Report(
        batch=batch,
        state=state,
        counts=found.counts,
        needs=found.needs,
        waiting=found.waiting,
        wall_ms=wall_ms(reading, batch, state, found.last_ended),
        serial_ms=read.serial_ms(session, batch.number),
        money=dataclasses.replace(
            read.money(session, batch.number), unknown_price_jobs=found.unpriced
        ),
        tokens=total_tokens(total_usage(reading, batch)),
        repeats=found.repeats,
        changed=len(read.changed(session, batch.number, State.SUCCEEDED.value)),
        longest=found.longest,
    )


def _add(found: _Gathering, reading: Reading, batch: Batch, job: Job) -> None:
    found.counts[shown(job.state)] += 1
    found.repeats += max(0, job.attempts - 1)
    is_billed = shown(job.state) != "running"
    found.unpriced += is_billed and cost_of(job, reading.store.spec(job.spec)) is None
    found.last_ended = max(found.last_ended, job.ended_at or 0)
    took = elapsed_ms(job)
    if took is not None and (found.longest is None or took > found.longest.elapsed_ms):
        found.longest = Longest(inert(job.name), took)
    if job.state in _NEEDY:
        found.needs.append(_need(batch, job))
    elif job.state == State.QUEUED.value:
        reason = reason_shown(reading, batch, job, False) or ""
        found.waiting[reason] = found.waiting.get(reason, 0) + 1


def _need(batch: Batch, job: Job) -> Need:
    command = wording.next_command(batch.address, job)
    return Need(_NEEDY[job.state], inert(job.name), wording.trouble(job), command)


def summary(report: Report) -> list[str]:
    """The last thing the eye meets after a run: who needs you, then one line of numbers."""
    lines = _need_lines(report.needs[:_AT_MOST])
    more = len(report.needs) - _AT_MOST
    if more > 0:
        lines.append(f"… and {more} more: bydawn jobs list {report.batch.address} --state failed")
    return [*lines, *wording.waiting(report.waiting), _numbers(report)]


def _need_lines(needs: list[Need]) -> list[str]:
    """Columns as wide as they must be, and not wider than a screen bears."""
    cells = [(shortened(need.name, _NAME), shortened(need.why, _WHY)) for need in needs]
    names = max((width(name) for name, _ in cells), default=0)
    reasons = max((width(reason) for _, reason in cells), default=0)
    return [
        f"{need.word} {_padded(name, names)}   {_padded(reason, reasons)}   {need.command}"
        for need, (name, reason) in zip(needs, cells, strict=True)
    ]


def _padded(text: str, columns: int) -> str:
    return text + " " * max(0, columns - width(text))


def _numbers(report: Report) -> str:
    cost = _cost(report)
    told = wording.tally({**report.counts, "queued": 0})
    line = f"{told} {wording.times(report.wall_ms, report.serial_ms)}"
    return f"{line}   {cost}" if cost else line


def _cost(report: Report) -> str:
    money, bound = report.money, report.batch.terms.bound
    return wording.money(money.usd_micros, money.unknown_price_jobs, bound.usd_micros)


def headline(report: Report) -> str:
    """One line that can stand alone: a subject, a chat message."""
    done, total = report.counts["succeeded"], report.total
    told = f"{report.batch.address}: {done} of {total} succeeded"
    if report.needs:
        told += f", {len(report.needs)} need{'s' if len(report.needs) == 1 else ''} you"
    elif report.state != "finished":
        told += f", {report.state}"
    cost = _cost(report)
    return f"{told}   {cost}" if cost else told
