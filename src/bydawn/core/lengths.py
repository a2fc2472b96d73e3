"""Lengths ("7h30m") and times of day ("06:30") as people write them."""

from __future__ import annotations

import re

_UNITS = {"d": 86_400_000, "h": 3_600_000, "m": 60_000, "s": 1_000, "ms": 1}
_LENGTH = re.compile(
    r"(?:([0-9]+)d)?(?:([0-9]+)h)?(?:([0-9]+)m(?!s))?(?:([0-9]+)s)?(?:([0-9]+)ms)?"
)
_TIME_OF_DAY = re.compile(r"([01][0-9]|2[0-3]):([0-5][0-9])")
_DIGITS = 12
LONGEST_MS = 36_500 * _UNITS["d"]


class LengthError(ValueError):
    """The text is no length, or no time of day."""


def parse_length(text: str) -> int:
    """Milliseconds in ``text``: whole numbers with d, h, m, s, ms, largest unit first."""
    found = _LENGTH.fullmatch(text)
    if not text or found is None:
        raise LengthError(f'"{text[:40]}" is no length; write one like "45m" or "7h30m"')
    counts = [count or "0" for count in found.groups()]
    if any(len(count) > _DIGITS for count in counts):
        raise LengthError(f'"{text[:40]}" is longer than a hundred years')
    total = sum(int(count) * unit for count, unit in zip(counts, _UNITS.values(), strict=True))
    if total > LONGEST_MS:
        raise LengthError(f'"{text}" is longer than a hundred years')
    return total


def is_time_of_day(text: str) -> bool:
    return _TIME_OF_DAY.fullmatch(text) is not None


def parse_time_of_day(text: str) -> int:
    """Milliseconds after midnight of a 24-hour ``HH:MM``."""
    found = _TIME_OF_DAY.fullmatch(text)
    if found is None:
        raise LengthError(f'"{text[:40]}" is no time of day; write one like "06:30"')
    return int(found[1]) * _UNITS["h"] + int(found[2]) * _UNITS["m"]
