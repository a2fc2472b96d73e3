"""What a played target writes down of all that came through to it; what goes wrong on the way."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field

from bydawn.core.fencing import Claim
from bydawn.core.values import value


@value
class Effect:
    """What became visible at a target, under which claim, out of which run's draft."""

    target: str
    run: str
    claim: Claim


@dataclass(slots=True)
class Troubled:
    """What goes wrong on the way to a target, and the list of all that came through."""

    fails: Callable[[], bool]
    loses_answer: Callable[[], bool]
    delays: Callable[[Callable[[], None]], bool]
    random: random.Random
    effects: list[Effect] = field(default_factory=list)
