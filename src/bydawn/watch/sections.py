"""The sentences of the morning report, once for all its forms: headings, and what stands below."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Iterator
from datetime import tzinfo

from bydawn.core.usual import LEAST_NIGHTS, Measure, median
from bydawn.core.values import value
from bydawn.store.nights import Night
from bydawn.store.timeline import LostTries
from bydawn.watch import wording
from bydawn.watch.amounts import count, day_and_time, dollars, length, local, some, sparkline
from bydawn.watch.morning import Morning, Shares
from bydawn.watch.report import Dearer, Report
from bydawn.watch.sanitise import inert, shortened
from bydawn.watch.unusual import COMPARED, Comparison, Difference, Finding, Strange

NEEDS = "NEEDS YOU"
UNUSUAL = "UNUSUAL"
_NEEDS_SHOWN, _FOUND_SHOWN, _SHARES_SHOWN = 6, 5, 4
_WEEK = 7
_UNITS = {Measure.TOKENS: " tokens", Measure.RETRIES: " retries"}


@value
class Item:
    """One thing that is told: what it is about (if a job), the sentence, the command to type."""

    said: str
    name: str = ""
    command: str = ""


@value
class Section:
    name: str
    items: tuple[Item, ...]


def sections(morning: Morning, zone: tzinfo | None) -> list[Section]:
    """What needs a person, what is unusual, then the numbers, then what comes next."""
    report = morning.report
    made = [
        Section(NEEDS, tuple(_needs(report))),
        Section(UNUSUAL, tuple(_unusual(morning))),
        Section("TIME", tuple(_plain(_time(report, zone)))),
        Section("MONEY", tuple(_plain(_money(morning, zone)))),
        Section("SAFETY", tuple(_plain(_safety(report)))),
        Section("AUDIT", tuple(_plain([morning.head] if morning.head else []))),
        Section("LEFT", tuple(_plain(wording.waiting(report.waiting)))),
        Section("NEXT", tuple(_next(morning, zone))),
    ]
    return [section for section in made if section.items]


def _plain(lines: Iterable[str]) -> Iterator[Item]:
    return (Item(line) for line in lines)


def _needs(report: Report) -> Iterator[Item]:
    for need in report.needs[:_NEEDS_SHOWN]:
        yield Item(f"{need.word.lower()}: {need.why}", need.name, need.command)
    more = len(report.needs) - _NEEDS_SHOWN
    if more > 0:
        listing = f"bydawn jobs list {report.batch.address}"
        yield Item(f"and {more} more", command=f"{listing} --state failed")
    for one in report.expiring[:_NEEDS_SHOWN]:
        yield Item(f"{one.word.lower()}: {one.why}", one.name, one.command)


def _unusual(morning: Morning) -> Iterator[Item]:
    comparison = morning.comparison
    shown = comparison.findings[:_FOUND_SHOWN]
    for finding in shown:
        yield Item(finding_line(finding, morning.report.batch.edition), inert(finding.name))
    more = len(comparison.findings) - len(shown)
    if more:
        yield Item(f"and {more} more unlike their earlier nights")
    for dearer in morning.report.dearer:
        yield Item(dearer_line(dearer), dearer.name)
    for lost in morning.lost[: max(1, _FOUND_SHOWN - len(shown))]:
        yield Item(lost_line(lost), inert(lost.name))
    others = morning.lost_count - max(1, _FOUND_SHOWN - len(shown))
    if others > 0:
        yield Item(f"{others} more came to a good end after lost tries")
    if morning.report.batch.edition and not comparison.is_possible:
        yield Item(too_few(comparison))
    if comparison.compared == COMPARED < morning.report.total:
        yield Item(f"only the {COMPARED} jobs that took most were compared with earlier nights")


def too_few(comparison: Comparison) -> str:
    nights = some(comparison.nights, "earlier night", "earlier nights")
    return f"what is usual is not known yet: {nights}, {LEAST_NIGHTS} are needed"


def finding_line(finding: Finding, tonight: str) -> str:
    """``1.20M tokens, 3.1 times its usual 388k of 14 nights; since tonight: model a -> b``."""
    first, *rest = finding.strange
    told = [_first_words(first), *map(_other_words, rest)]
    since = "since tonight" if finding.since == tonight else f"since {inert(finding.since)}"
    changes = ", ".join(map(change_words, finding.changes)) or "nothing in its plan changed"
    return f"{', '.join(told)}; {since}: {changes}"


def _first_words(one: Strange) -> str:
    """What it took, beside what is usual, and how that is known."""
    usual = (
        f"its usual {_amount(one.measure, round(one.usual.middle))} of {one.usual.nights} nights"
    )
    value = f"{_amount(one.measure, one.value)}{_UNITS.get(one.measure, '')}"
    times = f"{one.ratio:.{0 if one.ratio >= 10 else 1}f} times "
    return f"{value}, {times if one.ratio < 1000 else 'not '}{usual}"


def _other_words(one: Strange) -> str:
    usual = _amount(one.measure, round(one.usual.middle))
    return f"{_amount(one.measure, one.value)}{_UNITS.get(one.measure, '')} (usually {usual})"


def _amount(measure: Measure, value: int) -> str:
    if measure is Measure.TOKENS:
        return count(value)
    if measure is Measure.COST:
        return dollars(value)
    return length(value) if measure is Measure.LENGTH else str(value)


def change_words(change: Difference) -> str:
    """``model a -> b``, or only that something changed."""
    name = {"plan": "plan or its files", "prices": "list of prices", "argv": "command"}
    word = name.get(change.name, inert(change.name))
    if not change.before and not change.after:
        return f"{word} changed"
    before, after = (shortened(inert(side), 40) for side in (change.before, change.after))
    return f"{word} {before} -> {after}"


def dearer_line(dearer: Dearer) -> str:
    return f"{dollars(dearer.cost_micros)}, more than its own cap of {dollars(dearer.cap_micros)}"


def lost_line(lost: LostTries) -> str:
    why = wording.fault(lost.error_code, lost.error_message)
    cost = f", {dollars(lost.wasted_micros)} wasted" if lost.wasted_micros else ""
    told = f" ({shortened(why, 60)})" if why else ""
    return f"{some(lost.tries, 'try', 'tries')} lost{told}{cost}, then fine"


def _time(report: Report, zone: tzinfo | None) -> Iterator[str]:
    batch = report.batch
    ends = local(batch.opened_at + report.wall_ms, zone).strftime("%H:%M")
    so_far = "to" if report.state == "finished" else "until now,"
    told = f"{day_and_time(batch.opened_at, zone)} {so_far} {ends}, "
    yield told + wording.times(report.wall_ms, report.serial_ms).removeprefix("in ")
    if report.longest:
        yield f"longest {report.longest.name}, {length(report.longest.elapsed_ms)}"


def _money(morning: Morning, zone: tzinfo | None) -> Iterator[str]:
    report = morning.report
    if not (report.money.usd_micros or report.tokens):
        return
    yield _spent(report)
    if report.assumed_micros:
        assumed = dollars(report.assumed_micros)
        yield f"{assumed} of it is assumed: runs that told no cost are charged their whole cap"
    yield from _of_nights(morning, zone)
    for name, shares in morning.shares.items():
        yield f"by {inert(name)}: {_shared(shares)}"
    lists = ", ".join(map(inert, morning.price_lists)) or "as the meters told"
    unknown = some(report.unpriced, "job", "jobs")
    yield f"prices: {lists}; {unknown} without a known price"


def _spent(report: Report) -> str:
    money, bound = report.money, report.batch.terms.bound
    told = wording.money(money.usd_micros, report.unpriced, bound.usd_micros)
    parts = ["this night " + (told or dollars(money.usd_micros))]
    if report.tokens:
        parts.append(f"{count(report.tokens)} tokens")
    if money.wasted_micros:
        parts.append(f"{dollars(money.wasted_micros)} on attempts that came to nothing")
    if money.reserved_micros:
        parts.append(f"{dollars(money.reserved_micros)} still reserved")
    return ", ".join(parts)


def _of_nights(morning: Morning, zone: tzinfo | None) -> Iterator[str]:
    """The week before, and the month so far; told once there is a night to compare with."""
    if not morning.earlier or not any(night.usd_micros for night in morning.nights):
        return
    week = [night.usd_micros for night in reversed(morning.nights[: _WEEK + 1])]
    middle = dollars(round(median(night.usd_micros for night in morning.earlier)))
    since = len(week) - 1
    last = some(since, "night", "nights")
    told = (
        f"{sparkline(week)} the {last} before and this; median of {len(morning.earlier)} {middle}"
    )
    yield f"{told}; this month {dollars(_of_month(morning.nights, zone))}"


def _of_month(nights: tuple[Night, ...], zone: tzinfo | None) -> int:
    month = local(nights[0].opened_at, zone).strftime("%Y-%m")
    ours = (n for n in nights if local(n.opened_at, zone).strftime("%Y-%m") == month)
    return sum(night.usd_micros for night in ours)


def _shared(shares: Shares) -> str:
    told = [
        f"{shortened(inert(name), 30)} {dollars(usd)}"
        for name, usd in shares[:_SHARES_SHOWN]
        if usd
    ]
    rest = sum(usd for _, usd in shares[_SHARES_SHOWN:])
    return ", ".join([*told, *([f"others {dollars(rest)}"] if rest else [])])


def _safety(report: Report) -> Iterator[str]:
    batch = report.batch
    told = [
        some(report.total, "key", "keys"),
        some(batch.refused, "duplicate", "duplicates") + " refused",
        some(batch.fenced, "late write", "late writes") + " fenced",
        f"{report.counts['parked']} parked",
        some(report.repeats, "retry", "retries"),
    ]
    yield ", ".join(told)
    yield from report.untold


def _next(morning: Morning, zone: tzinfo | None) -> Iterator[Item]:
    """The commands that lead on, then the next night of its schedule."""
    yield from _ways_on(morning.report)
    if morning.next_at is not None:
        yield Item(f"{day_and_time(morning.next_at, zone)}, by its schedule on this machine")


def _ways_on(report: Report) -> Iterator[Item]:
    """For a batch that no plan file made, nothing."""
    batch = report.batch
    if report.state == "paused":
        yield Item("goes on", command=f"bydawn unpause {batch.address}")
        return
    if not batch.source.endswith(".toml"):
        return
    run = f"bydawn run {inert(shlex.quote(batch.source))}"
    startable = sum(one.count for why, one in report.waiting.items() if why != "dependency")
    if report.state == "interrupted" or (report.state == "finished" and startable):
        yield Item("goes on with what is left", command=run)
    if report.counts["failed"] + report.counts["cancelled"]:
        yield Item("starts what failed again", command=f"{run} --retry-failed")
    if report.changed:
        jobs = some(report.changed, "job", "jobs")
        yield Item(f"does {jobs} again that the plan has changed", command=f"{run} --changed")
