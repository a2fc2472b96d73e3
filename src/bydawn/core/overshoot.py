"""How far a night could pass its cap in dollars, said before it begins.

At a launch reserved plus spent never passes the cap. What can pass it is a run in flight that
spends beyond its own bound between two looks at its meter; of that no number is known beforehand,
unless the backend itself ends a run at its bound.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from bydawn.core.model import JobSpec
from bydawn.core.values import value


@value
class Overshoot:
    """``usd_micros`` None: no number bounds it. ``runs`` at once may each pass their own bound, for
    ``look_ms`` at a time; of ``uncounted`` jobs the dollars are not counted at all."""

    usd_micros: int | None
    runs: int
    uncounted: int
    look_ms: int


IsHeld = Callable[[JobSpec], bool]
"""Whether a job's backend itself ends a run at its bound in dollars."""


def may_pass(spec: JobSpec, is_held: IsHeld) -> bool:
    """Whether a run of this job could spend beyond its bound before it is seen to."""
    return spec.bound.usd_micros != 0 and not is_held(spec)


def overshoot(jobs: Iterable[JobSpec], parallel: int, look_ms: int, is_held: IsHeld) -> Overshoot:
    """For every job of a plan capped in dollars, one spec each."""
    runs = uncounted = 0
    for spec in jobs:
        runs += may_pass(spec, is_held)
        uncounted += spec.bound.usd_micros is None
    at_once = min(runs, parallel)
    return Overshoot(None if at_once else 0, at_once, uncounted, look_ms)
