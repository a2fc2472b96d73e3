"""What was spent, added up by what it is asked for: by job, tag, model, backend, plan or day."""

from __future__ import annotations

import functools
import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from bydawn.core.budgets import total_tokens
from bydawn.core.editions import logical_day
from bydawn.core.errors import UsageError
from bydawn.core.model import BatchTerms, JobSpec
from bydawn.core.states import HELD, State
from bydawn.core.values import value
from bydawn.store import spending
from bydawn.store.spending import Spent
from bydawn.store.store import Batch, Store
from bydawn.watch.amounts import count, decimal, dollars, rfc3339, sparkline
from bydawn.watch.sanitise import width
from bydawn.watch.telling import table

TREND_DAYS = 30
_SCREEN, _WEEK = 80, 7
_MINUTE_MS = 60_000
_WORDS = ("job", "model", "backend", "plan", "day")
_TAG = "tag:"
_IN_FLIGHT = frozenset(state.value for state in HELD - {State.PARKED})


@value
class Entry:
    """One job that was launched, with all it may be put under."""

    batch: Batch
    spec: JobSpec
    spent: Spent
    day: str


NameOf = Callable[[Entry], str | None]


@dataclass(slots=True)
class Group:
    """What jobs of one name have spent. ``days`` holds dollars and tokens of each logical day."""

    name: str | None
    jobs: int = 0
    attempts: int = 0
    usd_micros: int = 0
    wasted_micros: int = 0
    reserved_micros: int = 0
    tokens: int = 0
    unpriced: int = 0
    usd_of: Counter[str] = field(default_factory=Counter)
    tokens_of: Counter[str] = field(default_factory=Counter)

    def add(self, entry: Entry) -> None:
        spent = entry.spent
        tokens = total_tokens(json.loads(spent.usage)) if spent.usage else 0
        self.jobs += 1
        self.attempts += spent.attempts
        self.usd_micros += spent.cost_micros or 0
        self.wasted_micros += spent.wasted_micros
        self.reserved_micros += spent.reserved_micros
        self.tokens += tokens
        self.unpriced += _is_unpriced(spent, entry.spec)
        self.usd_of[entry.day] += spent.cost_micros or 0
        self.tokens_of[entry.day] += tokens


@value
class Spending:
    """The answer: a group for each name, what cost most first (days in order), and all of it."""

    by: str
    since: int
    groups: tuple[Group, ...]
    total: Group


def naming(by: str) -> NameOf:
    """How jobs are put together; raises UsageError for what is no way to."""
    if by.startswith(_TAG) and len(by) > len(_TAG):
        tag = by.removeprefix(_TAG)
        return lambda entry: _tag(entry.spent.tags, tag)
    names: dict[str, NameOf] = {
        "job": lambda entry: f"{entry.batch.plan}/{entry.spent.template}",
        "model": lambda entry: entry.spec.payload.get("model"),
        "backend": lambda entry: entry.spent.backend,
        "plan": lambda entry: entry.batch.plan,
        "day": lambda entry: entry.day,
    }
    found = names.get(by)
    if found is None:
        ways = f"{', '.join(_WORDS)} or {_TAG}NAME"
        raise UsageError(f"{by}: is no way to add up costs", f"--by {ways}")
    return found


def spent_by(store: Store, by: str, since: int) -> Spending:
    """Every job launched since, added up; its day is that of its last launch, as caps count it."""
    name_of = naming(by)
    groups: dict[str | None, Group] = {}
    total = Group("all")
    for entry in _entries(store, since):
        name = name_of(entry)
        for group in (groups.setdefault(name, Group(name)), total):
            group.add(entry)
    return Spending(by, since, tuple(sorted(groups.values(), key=_ranking(by))), total)


def _entries(store: Store, since: int) -> Iterator[Entry]:
    batches: dict[int, Batch] = {}
    for spent in spending.spent_since(store.session, since):
        if spent.batch not in batches:
            batches[spent.batch] = store.batch(spent.batch)
        batch = batches[spent.batch]
        yield Entry(batch, store.spec(spent.spec), spent, day_of(batch.terms, spent.launched_at))


def day_of(terms: BatchTerms, at: int) -> str:
    """The logical day of a plan at this instant."""
    return _day(terms.timezone, terms.day_starts_ms, at // _MINUTE_MS)


@functools.lru_cache(maxsize=4096)
def _day(timezone: str, day_starts_ms: int, minute: int) -> str:
    zone = UTC if timezone == "UTC" else ZoneInfo(timezone)
    return logical_day(minute * _MINUTE_MS, zone, day_starts_ms).isoformat()


def _tag(tags: str, name: str) -> str | None:
    value = json.loads(tags).get(name)
    return None if value is None else str(value)


def _is_unpriced(spent: Spent, spec: JobSpec) -> bool:
    """It ran, and nobody knows what it cost."""
    is_known = spent.cost_micros is not None or spec.bound.usd_micros == 0
    return not is_known and spent.state not in _IN_FLIGHT


def _ranking(by: str) -> Callable[[Group], Any]:
    if by == "day":
        return lambda group: group.name or ""
    return lambda group: (-group.usd_micros, -group.tokens, group.name or "")


def spending_document(found: Spending) -> dict[str, Any]:
    """``bydawn cost --json``."""
    return {
        "schema": "bydawn/cost/1",
        "by": found.by,
        "since": rfc3339(found.since) if found.since else None,
        "groups": [_document(group) for group in found.groups],
        "total": _document(found.total),
    }


def _document(group: Group) -> dict[str, Any]:
    is_unknown = group.usd_micros == 0 and group.unpriced > 0
    return {
        "name": group.name,
        "jobs": group.jobs,
        "attempts": group.attempts,
        "usd": None if is_unknown else decimal(group.usd_micros),
        "wasted_usd": None if is_unknown else decimal(group.wasted_micros),
        "reserved_usd": decimal(group.reserved_micros),
        "unknown_price_jobs": group.unpriced,
        "tokens": group.tokens,
        "days": [
            {"day": day, "usd": decimal(group.usd_of[day]), "tokens": group.tokens_of[day]}
            for day in sorted(group.tokens_of)
        ],
    }


def spending_table(found: Spending) -> list[str]:
    """``bydawn cost`` for people, with a small bar for each of the last days that fit."""
    if not found.groups:
        return ["nothing was launched in that time"]
    groups = (*found.groups, found.total)
    lines = table([_head(found), *(_row(group, found.total) for group in groups)])
    if found.by == "day":
        return lines
    wide = max(map(width, lines)) + 2
    days = _days(found.total)[-max(_WEEK, _SCREEN - wide) :]
    bars = ["DAILY", *(_bars(group, days, found.total) for group in groups)]
    barred = [
        line + " " * (wide - width(line)) + bar for line, bar in zip(lines, bars, strict=True)
    ]
    return [*barred, f"a bar is a day, the last one {days[-1]}"]


def _head(found: Spending) -> list[str]:
    head = [found.by.upper(), "JOBS", "USD", "WASTED"]
    head += ["RESERVED"] if found.total.reserved_micros else []
    return [*head, "TOKENS", *(["UNPRICED"] if found.total.unpriced else [])]


def _row(group: Group, total: Group) -> list[str]:
    """Columns that would be empty for everybody are left out."""
    usd = "unknown" if group.unpriced and not group.usd_micros else dollars(group.usd_micros)
    told = [group.name or "(none)", str(group.jobs), usd, dollars(group.wasted_micros)]
    told += [dollars(group.reserved_micros)] if total.reserved_micros else []
    return [*told, count(group.tokens), *([str(group.unpriced or "-")] if total.unpriced else [])]


def _bars(group: Group, days: Iterable[str], total: Group) -> str:
    source = group.usd_of if total.usd_micros > 0 else group.tokens_of
    return sparkline([source[day] for day in days])


def _days(total: Group) -> list[str]:
    """Every day from the first one that spent anything to the last, the newest of them."""
    spent = sorted(total.tokens_of)
    last = date.fromisoformat(spent[-1])
    first = max(date.fromisoformat(spent[0]), last - timedelta(days=TREND_DAYS - 1))
    return [(first + timedelta(days=n)).isoformat() for n in range((last - first).days + 1)]
