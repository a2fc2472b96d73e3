"""How instants, lengths, money and counts are written: exactly for programs, briefly for people."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, tzinfo

_SECOND, _MINUTE, _HOUR, _DAY = 1_000, 60_000, 3_600_000, 86_400_000


def rfc3339(at: int | None) -> str | None:
    """An instant for programs: UTC with milliseconds, ``2026-11-19T13:30:01.250Z``."""
    if at is None:
        return None
    told = datetime.fromtimestamp(at // 1000, UTC).isoformat()
    return f"{told[:19]}.{at % 1000:03d}Z"


def instant_of(told: str | None) -> int | None:
    """The instant that ``rfc3339`` wrote."""
    return None if told is None else round(datetime.fromisoformat(told).timestamp() * 1000)


def seconds(length_ms: int | None) -> float | None:
    return None if length_ms is None else length_ms / 1000


def decimal(micros: int | None) -> str | None:
    """Money for programs: a decimal string with two to six places; None is unknown."""
    if micros is None:
        return None
    whole, part = divmod(abs(micros), 1_000_000)
    places = f"{part:06d}".rstrip("0").ljust(2, "0")
    return f"{'-' if micros < 0 else ''}{whole}.{places}"


def dollars(micros: int | None) -> str:
    """Money for people: ``$4.67``; what cost something never reads as nothing."""
    if micros is None:
        return "unknown"
    if 0 < micros < 10_000:
        return "<$0.01"
    cents = (micros + 5_000) // 10_000
    return f"${cents // 100:,}.{cents % 100:02d}"


def length(length_ms: int | None) -> str:
    """A length for people, to the second: ``1h22m33s``, ``41s``, ``0.2s``."""
    if length_ms is None:
        return "-"
    if length_ms < 10 * _SECOND:
        return f"{max(0, length_ms) / 1000:.1f}s"
    days, rest = divmod(length_ms, _DAY)
    hours, rest = divmod(rest, _HOUR)
    minutes, rest = divmod(rest, _MINUTE)
    head = f"{days}d" if days else ""
    if days or hours:
        return f"{head}{hours}h{minutes:02d}m{rest // _SECOND:02d}s"
    return f"{minutes}m{rest // _SECOND:02d}s" if minutes else f"{rest // _SECOND}s"


def about(length_ms: int) -> str:
    """A long length for people, rounded down to one unit: ``55 days``, ``24 h``, ``30 min``."""
    if length_ms >= 3 * _DAY:
        return f"{length_ms // _DAY} days"
    return f"{length_ms // _HOUR} h" if length_ms >= _HOUR else f"{length_ms // _MINUTE} min"


def count(number: int) -> str:
    """A large count for people: ``1.04M``, ``388k``, ``12``."""
    if number >= 1_000_000:
        return f"{number / 1_000_000:.2f}M"
    return f"{number / 1000:.0f}k" if number >= 10_000 else str(number)


_BARS = "▁▂▃▄▅▆▇█"


def sparkline(values: Sequence[int]) -> str:
    """Small bars, from nothing to the largest of them; what is more than nothing is seen."""
    most = max(values, default=0)
    if most <= 0:
        return _BARS[0] * len(values)
    steps = len(_BARS) - 1
    return "".join(_BARS[-(-steps * max(0, value) // most)] for value in values)


def some(number: int, one: str, many: str) -> str:
    """``1 retry``, ``3 retries``."""
    return f"{number} {one if number == 1 else many}"


def local(at: int, zone: tzinfo | None) -> datetime:
    """An instant on a person's clock; ``zone`` None is the clock of this machine."""
    return datetime.fromtimestamp(at / 1000, UTC).astimezone(zone)


def time_of_day(at: int, zone: tzinfo | None) -> str:
    return local(at, zone).strftime("%H:%M:%S")


def day_and_time(at: int | None, zone: tzinfo | None) -> str:
    return "-" if at is None else local(at, zone).strftime("%a %d %b %H:%M")
