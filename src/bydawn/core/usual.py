"""What is usual for a job, learned from its own earlier nights: a middle and a spread.

Medians and not means: one strange night among many moves neither of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from enum import StrEnum

from bydawn.core.values import value

LEAST_NIGHTS = 5
# Distances from the middle count in spreads; as many as this are beyond what chance explains.
_SPREADS = 5
# The median distance from the middle, made comparable with a standard deviation.
_SCALE = 1.4826
# Nights that are all alike would make every other one strange; so much always counts as spread.
_LEAST_SHARE = 0.1


class Measure(StrEnum):
    """What is compared."""

    TOKENS = "tokens"
    COST = "cost"
    LENGTH = "length"
    RETRIES = "retries"


# The smallest spread of each: $0.01, 200 tokens, six seconds, a third of a retry.
_QUANTA: dict[Measure, float] = {
    Measure.TOKENS: 200,
    Measure.COST: 10_000,
    Measure.LENGTH: 6_000,
    Measure.RETRIES: 0.3,
}


@value
class Usual:
    """The middle of so many nights, and how far around it they lie."""

    middle: float
    spread: float
    nights: int


def usual_of(measure: Measure, values: Sequence[float]) -> Usual | None:
    """What is usual after these nights; None while there are too few to say."""
    if len(values) < LEAST_NIGHTS:
        return None
    middle = median(values)
    distance = _SCALE * median(abs(value - middle) for value in values)
    spread = max(distance, _LEAST_SHARE * middle, _QUANTA[measure])
    return Usual(middle, spread, len(values))


def median(values: Iterable[float]) -> float:
    """The middle one of at least one value, or halfway between the two in the middle."""
    ranked = sorted(values)
    half = len(ranked) // 2
    return ranked[half] if len(ranked) % 2 else (ranked[half - 1] + ranked[half]) / 2


def is_unusual(value: float, usual: Usual) -> bool:
    """Whether a night lies further from the middle than nights do by chance."""
    return abs(value - usual.middle) > _SPREADS * usual.spread


def nights_since(values: Iterable[float], usual: Usual) -> int:
    """For how many of the newest nights (newest first) it has been like this."""
    count = 0
    for each in values:
        if not is_unusual(each, usual):
            break
        count += 1
    return count
