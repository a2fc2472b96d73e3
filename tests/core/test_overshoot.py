"""What could pass a cap: only runs that nobody ends at their bound, and only those that run."""

from __future__ import annotations

import dataclasses

from making import spec

from bydawn.core.model import Bound, JobSpec
from bydawn.core.overshoot import overshoot

BOUNDED = spec(bound=Bound(usd_micros=5))
COSTLESS = spec(bound=Bound(usd_micros=0))
BY_TOKENS = spec(bound=Bound(tokens=5))
CAPPED = dataclasses.replace(BOUNDED, backend="capped")


def held_nowhere(_: JobSpec) -> bool:
    return False


def test_no_number_is_made_up_where_none_is_known() -> None:
    worst = overshoot([BOUNDED, COSTLESS], 8, 10_000, held_nowhere)
    assert (worst.usd_micros, worst.runs, worst.uncounted) == (None, 1, 0)


def test_it_is_nothing_where_backends_keep_their_bound_or_nothing_costs() -> None:
    worst = overshoot([CAPPED, COSTLESS], 8, 10_000, lambda one: one.backend == "capped")
    assert (worst.usd_micros, worst.runs) == (0, 0)


def test_no_more_than_run_at_once_can_pass() -> None:
    assert overshoot([BOUNDED] * 40, 8, 10_000, held_nowhere).runs == 8


def test_jobs_on_tokens_alone_are_named() -> None:
    assert overshoot([BY_TOKENS, BOUNDED], 8, 10_000, held_nowhere).uncounted == 1
