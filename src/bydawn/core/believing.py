"""Numbers as others tell them: meters, services, backends of other packages. What none of them can
mean is passed over; it could not be kept, nor added to another one of its kind.
"""

from __future__ import annotations

import math
from dataclasses import replace
from decimal import Decimal
from typing import Any

from bydawn.core.sightings import Alive, Ended, Failure, Launched, LaunchRefused, Outcome, Usage

# A million runs of a million dollars, or of so many tokens, are still one number of a store.
MOST = 10**12
# Any moment, and any length, that a calendar has.
_LAST_MS = 2**48
_NUMBERS = (int, float)
_USUAL = (0, None)


def is_number(value: Any) -> bool:
    """Of a size that both kinds of numbers can hold."""
    if isinstance(value, bool) or not isinstance(value, _NUMBERS):
        return False
    return abs(value) <= MOST if isinstance(value, int) else math.isfinite(value)


def is_count(value: Any) -> bool:
    return is_number(value) and value == int(value) and 0 <= value <= MOST


def micros_of(dollars: Any) -> int | None:
    """Millionths of a dollar; None for what is no price."""
    if isinstance(dollars, bool) or not isinstance(dollars, str | int | float):
        return None
    try:
        amount = Decimal(str(dollars)[:64])
        micros = int((amount * 1_000_000).to_integral_value()) if amount.is_finite() else -1
    except (ArithmeticError, ValueError):
        return None
    return micros if 0 <= micros <= MOST else None


def believed(fact: Any) -> Any:
    """A fact without the numbers that nobody can believe; the same one where there are none."""
    if isinstance(fact, Alive):
        return _alive(fact)
    if isinstance(fact, Ended):
        return _ended(fact)
    if isinstance(fact, Launched):
        seen = fact.sighting and believed(fact.sighting)
        return fact if seen is fact.sighting else replace(fact, sighting=seen)
    if isinstance(fact, LaunchRefused):
        failure = _failure(fact.failure)
        return fact if failure is fact.failure else replace(fact, failure=failure)
    return fact


def _alive(fact: Alive) -> Alive:
    usage, pause = _usage(fact.usage), _length(fact.look_again_ms)
    progress = fact.progress if fact.progress is None or is_number(fact.progress) else None
    if usage is fact.usage and pause == fact.look_again_ms and progress == fact.progress:
        return fact
    return replace(fact, usage=usage, look_again_ms=pause, progress=progress)


def _ended(fact: Ended) -> Ended:
    told = fact.outcome
    code = told.exit_code if told.exit_code in _USUAL or is_number(told.exit_code) else None
    failure, usage = told.failure and _failure(told.failure), _usage(told.usage)
    began, ended = _length(told.started_at), _length(told.ended_at)
    is_same = failure is told.failure and usage is told.usage and code == told.exit_code
    if is_same and began == told.started_at and ended == told.ended_at:
        return fact
    return Ended(Outcome(failure, code, told.result, usage, began, ended, told.stopped))


def _failure(failure: Failure) -> Failure:
    pause = _length(failure.retry_after_ms)
    return failure if pause == failure.retry_after_ms else replace(failure, retry_after_ms=pause)


def _length(ms: int | None) -> int | None:
    return ms if ms is None or 0 <= ms <= _LAST_MS else None


def _usage(usage: Usage) -> Usage:
    tokens, cost = usage.tokens, usage.cost_micros
    if not tokens and cost is None:
        return usage
    is_priced = cost is None or 0 <= cost <= MOST
    if is_priced and all(type(count) is int and 0 <= count <= MOST for count in tokens.values()):
        return usage
    sound = {name: int(count) for name, count in tokens.items() if is_count(count)}
    return replace(usage, tokens=sound, cost_micros=cost if is_priced else None)
