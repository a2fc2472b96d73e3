"""Which logical day, week or month an instant belongs to, and when a deadline falls.

A logical day starts at the first instant at which the local clock shows ``day_starts`` or later: so
every instant has one edition, editions never go backwards, and a local time that occurs twice or
never (summer time) starts its day once.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta, tzinfo

from bydawn.core.lengths import is_time_of_day, parse_length, parse_time_of_day

PERIODS = ("once", "day", "week", "month")
_SECOND = timedelta(seconds=1)
_DAY = timedelta(days=1)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# Far enough from the ends of the calendar that neighbouring days always exist.
_LATEST_AT = 250_000_000_000_000
_FORMS = {
    "day": (re.compile(r"\d{4}-\d\d-\d\d", re.ASCII), "2026-11-19"),
    "week": (re.compile(r"\d{4}-W\d\d", re.ASCII), "2026-W47"),
    "month": (re.compile(r"\d{4}-\d\d", re.ASCII), "2026-11"),
}


class EditionError(ValueError):
    """The text names no edition of this plan."""


def edition(per: str, at_ms: int, timezone: tzinfo, day_starts_ms: int) -> str:
    """The edition an instant belongs to: "", ``2026-11-19``, ``2026-W47`` or ``2026-11``."""
    if per == "once":
        return ""
    return _named(per, logical_day(at_ms, timezone, day_starts_ms))


def parse_edition(per: str, text: str) -> str:
    """The edition a person named, as its own form or as any date in it; EditionError if none."""
    if per == "once":
        raise EditionError('the plan has no editions: it says per = "once"')
    form, example = _FORMS[per]
    try:
        if _FORMS["day"][0].fullmatch(text):
            return _named(per, date.fromisoformat(text))
        if form.fullmatch(text):
            return _named(per, _first_day(per, text))
    except ValueError as error:
        raise EditionError(f'"{text}" is no {per} of the calendar') from error
    raise EditionError(f'"{text[:40]}" is no {per}; write one like "{example}"')


def deadline_at(deadline: str, opened_at: int, timezone: tzinfo) -> int:
    """When a deadline falls: the next local ``HH:MM`` after opening, or a length after it."""
    if not is_time_of_day(deadline):
        return opened_at + parse_length(deadline)
    of_day_ms = parse_time_of_day(deadline)
    bounded_at = _bounded(opened_at)
    day = _local(bounded_at, timezone).date() - 2 * _DAY
    while (falls_at := day_starts_at(day, timezone, of_day_ms)) <= bounded_at:
        day += _DAY
    return falls_at


def logical_day(at_ms: int, timezone: tzinfo, day_starts_ms: int) -> date:
    """The last day that had started at this instant."""
    bounded_at = _bounded(at_ms)
    day = _local(bounded_at, timezone).date() + 2 * _DAY
    while day_starts_at(day, timezone, day_starts_ms) > bounded_at:
        day -= _DAY
    return day


def day_starts_at(day: date, timezone: tzinfo, of_day_ms: int) -> int:
    """The first instant of ``day`` at which the local clock shows ``of_day_ms`` or later."""
    wall = datetime(day.year, day.month, day.day) + timedelta(milliseconds=of_day_ms)  # noqa: DTZ001
    before = _instant(wall, timezone, fold=0)
    after = _instant(wall, timezone, fold=1)
    if after >= before:
        return _milliseconds(before)
    return _milliseconds(_end_of_gap(after, before, wall, timezone))


def _end_of_gap(low: datetime, high: datetime, wall: datetime, timezone: tzinfo) -> datetime:
    """``wall`` is never shown: the clock jumps over it somewhere in ``(low, high]``; find where."""
    while high - low > _SECOND:
        middle = low + (high - low) // 2
        middle = middle.replace(microsecond=0)
        if middle <= low:
            break
        shown = middle.astimezone(timezone).replace(tzinfo=None)
        low, high = (low, middle) if shown >= wall else (middle, high)
    return high


def _instant(wall: datetime, timezone: tzinfo, *, fold: int) -> datetime:
    return wall.replace(tzinfo=timezone, fold=fold).astimezone(UTC)


def _local(at_ms: int, timezone: tzinfo) -> datetime:
    return (_EPOCH + timedelta(milliseconds=at_ms)).astimezone(timezone)


def _bounded(at_ms: int) -> int:
    return min(max(at_ms, 0), _LATEST_AT)


def _milliseconds(instant: datetime) -> int:
    return (instant - _EPOCH) // timedelta(milliseconds=1)


def _named(per: str, day: date) -> str:
    if per == "day":
        return day.isoformat()
    if per == "month":
        return f"{day.year:04d}-{day.month:02d}"
    year, week, _ = day.isocalendar()
    return f"{year:04d}-W{week:02d}"


def _first_day(per: str, text: str) -> date:
    if per == "month":
        return date.fromisoformat(f"{text}-01")
    return date.fromisocalendar(int(text[:4]), int(text[6:]), 1)
