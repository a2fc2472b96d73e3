"""Reserve before a launch, settle after it. Whole millionths and whole tokens, never floats.

What counts against a cap is *reserved + spent*. A job reserves what remains of its own bound; an
attempt whose usage never arrives is charged its reservation; a reservation is given back only when
it is proved that nothing was launched.
"""

from __future__ import annotations

from bydawn.core.model import Bound
from bydawn.core.sightings import Usage
from bydawn.core.values import value


@value
class Amount:
    usd_micros: int = 0
    tokens: int = 0


UNMETERED = "unmetered_tokens"


def total_tokens(tokens: dict[str, int]) -> int:
    """Input plus output, and what was charged unmetered; the finer classes are parts of these."""
    return sum(tokens.get(name, 0) for name in ("input_tokens", "output_tokens", UNMETERED))


def reservation(bound: Bound, spent: Amount) -> Amount:
    """What a launch sets aside: the rest of the job's own bound."""
    usd = 0 if bound.usd_micros is None else max(0, bound.usd_micros - spent.usd_micros)
    tokens = 0 if bound.tokens is None else max(0, bound.tokens - spent.tokens)
    return Amount(usd, tokens)


def charge(usage: Usage, reserved: Amount) -> Amount:
    """What an ended attempt costs: its meter, or all of its reservation where the meter is
    silent."""
    usd = reserved.usd_micros if usage.cost_micros is None else usage.cost_micros
    tokens = total_tokens(usage.tokens) if usage.tokens else reserved.tokens
    return Amount(usd, tokens)


def has_room(cap: int | None, used: int, wanted: int) -> bool:
    """Whether ``wanted`` more stays within ``cap``."""
    return cap is None or used + wanted <= cap


def is_overrun(bound: Bound, spent_before: Amount, usage: Usage) -> bool:
    """Whether a run in flight has used more than the job may."""
    usd = spent_before.usd_micros + (usage.cost_micros or 0)
    tokens = spent_before.tokens + total_tokens(usage.tokens)
    over_usd = bound.usd_micros is not None and usd > bound.usd_micros
    over_tokens = bound.tokens is not None and tokens > bound.tokens
    return over_usd or over_tokens
