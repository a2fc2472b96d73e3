"""The join told to a person: what needs one, then what it took. Gathered once, told in any form."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from bydawn.core.budgets import total_tokens
from bydawn.core.model import Job
from bydawn.core.states import State
from bydawn.core.values import value
from bydawn.store import notices, read, totals
from bydawn.store.store import Batch, Store
from bydawn.watch import ways, wording
from bydawn.watch.documents import (
    Reading,
    batch_state,
    counts_of,
    reason_shown,
    standing_of,
    total_usage,
    unpriced,
    wall_ms,
)
from bydawn.watch.expiring import expiring
from bydawn.watch.notices import unsent_lines
from bydawn.watch.sanitise import inert, shortened, width

_AT_MOST = 20
_NAME, _WHY = 28, 60
_DEARER_SHOWN = 5
_NEEDY = {State.FAILED.value: "FAILED", State.PARKED.value: "PARKED"}


@value
class Need:
    """One job a person should look at, and the command to begin with."""

    word: str
    name: str
    why: str
    command: str


@value
class Longest:
    name: str
    elapsed_ms: int


@value
class Dearer:
    """A job that came to a good end for more than its own cap."""

    name: str
    cost_micros: int
    cap_micros: int


@dataclass(slots=True)
class Report:
    """A batch as the morning finds it."""

    batch: Batch
    state: str
    counts: dict[str, int]
    needs: list[Need]
    waiting: dict[str, wording.Waiting]
    wall_ms: int
    serial_ms: int
    money: totals.Money
    unpriced: int
    tokens: int
    repeats: int = 0
    changed: int = 0
    longest: Longest | None = None
    untold: tuple[str, ...] = ()
    assumed_micros: int = 0
    dearer: tuple[Dearer, ...] = ()
    expiring: tuple[Need, ...] = ()

    @property
    def total(self) -> int:
        return sum(self.counts.values())

    @property
    def is_well(self) -> bool:
        return self.state == "finished" and self.counts["succeeded"] == self.total


def gather(reading: Reading, batch: Batch) -> Report:
    """What a report tells, from sums and from the jobs that need a person; never from all jobs."""
    session, number = reading.store.session, batch.number
    standing = standing_of(reading, batch)
    state = batch_state(reading, batch, standing)
    times, money = totals.times(session, number), totals.money(session, number)
    longest = totals.longest(session, number)
    needs = [_need(batch, job) for job in totals.needy(session, number)]
    needs.sort(key=lambda need: need.word != "PARKED")
    return Report(
        batch=batch,
        state=state,
        counts=counts_of(standing),
        needs=needs,
        waiting=waiting_for(reading, batch),
        wall_ms=wall_ms(reading, batch, state, times.last_at),
        serial_ms=times.serial_ms,
        money=money,
        unpriced=unpriced(reading, money),
        tokens=total_tokens(total_usage(reading, batch)),
        repeats=times.repeats,
        changed=len(read.changed(session, number, State.SUCCEEDED.value)),
        longest=Longest(inert(longest[0]), longest[1]) if longest else None,
        untold=tuple(unsent_lines(notices.told(session, number))),
        assumed_micros=totals.assumed(session, number) if money.usd_micros else 0,
        dearer=tuple(_dearer(reading.store, number)),
        expiring=tuple(
            Need("EXPIRES", inert(one.name), one.told(reading.now), one.command)
            for one in expiring(reading, batch)
        ),
    )


def _dearer(store: Store, batch: int) -> Iterator[Dearer]:
    """Jobs beyond their own caps that nobody would hear of otherwise: nothing failed."""
    for spec in totals.specs_of(store.session, batch):
        cap = store.spec(spec).bound.usd_micros
        if cap is not None:
            found = totals.dearer_than(store.session, batch, spec, cap, _DEARER_SHOWN)
            yield from (Dearer(inert(name), cost, cap) for name, cost in found)


def waiting_for(reading: Reading, batch: Batch) -> dict[str, wording.Waiting]:
    """How many jobs wait for what."""
    found: dict[str, wording.Waiting] = {}
    session = reading.store.session
    for count, number in totals.waiting(session, batch.number):
        job = read.job(session, number)
        reason = reason_shown(reading, batch, job, False) or ""
        others = found.get(reason, wording.Waiting(0, job.name))
        found[reason] = wording.Waiting(others.count + count, others.name)
    return found


def _need(batch: Batch, job: Job) -> Need:
    command = ways.next_command(batch.address, job)
    return Need(_NEEDY[job.state], inert(job.name), wording.trouble(job), command)


def summary(report: Report) -> list[str]:
    """The last thing the eye meets after a run: who needs you, then one line of numbers."""
    lines = _need_lines(report.needs[:_AT_MOST])
    more = len(report.needs) - _AT_MOST
    if more > 0:
        lines.append(f"… and {more} more: bydawn jobs list {report.batch.address} --state failed")
    lines += _need_lines(list(report.expiring[:_AT_MOST]))
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
    return wording.money(money.usd_micros, report.unpriced, bound.usd_micros)


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
