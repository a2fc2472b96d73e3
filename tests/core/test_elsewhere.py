"""What another machine may decide about a local run whose own machine is silent."""

from __future__ import annotations

from typing import Any

import pytest
from making import TARGETS, around, job, spec

from bydawn.core.decide import Act, next_step
from bydawn.core.model import Effects, OnDoubt
from bydawn.core.states import legal

OUTSIDE = {"effects": Effects.OUTSIDE}
GATED = {"effects": Effects.GATED}
RELAUNCH = {"effects": Effects.OUTSIDE, "on_doubt": OnDoubt.RELAUNCH}
FAIL = {"effects": Effects.OUTSIDE, "on_doubt": OnDoubt.FAIL}

TABLE: list[tuple[str, dict[str, Any], dict[str, Any], str, str | None]] = [
    # state, spec, job, where it goes, why
    ("launching", OUTSIDE, {}, "parked", "in_doubt"),
    ("launching", GATED, {}, "queued", "backoff"),
    ("launching", RELAUNCH, {}, "queued", "backoff"),
    ("launching", FAIL, {}, "failed", "in_doubt"),
    ("running", OUTSIDE, {}, "parked", "lost"),
    ("running", GATED, {}, "queued", "backoff"),
    ("running", {"effects": Effects.NONE}, {}, "queued", "backoff"),
    ("running", RELAUNCH, {}, "queued", "backoff"),
    ("running", FAIL, {}, "failed", "lost"),
    ("running", {**GATED, "retries": 0}, {}, "failed", "lost"),
    ("running", OUTSIDE, {"wish": "cancel"}, "cancelled", "operator"),
    ("running", OUTSIDE, {"stopping": "timeout"}, "failed", "timeout"),
    ("finishing", {**OUTSIDE, "publish": TARGETS}, {}, "parked", "lost"),
    ("finishing", {**GATED, "publish": TARGETS}, {}, "queued", "backoff"),
    ("finishing", {**GATED, "publish": TARGETS}, {"step": "published:1"}, "parked", "lost"),
    ("finishing", {**GATED, "publish": TARGETS, "approve": True}, {"step": "approved"},
     "parked", "lost"),
    ("finishing", {**OUTSIDE, "publish": TARGETS}, {"step": "published:2"}, "succeeded", None),
    ("parked", OUTSIDE, {"reason": "lost", "wish": "cancel"}, "cancelled", "operator"),
]  # fmt: skip


@pytest.mark.parametrize(("state", "asks", "stands", "to", "why"), TABLE)
def test_what_follows(
    state: str, asks: dict[str, Any], stands: dict[str, Any], to: str, why: str | None
) -> None:
    one = job(state, machine="m_2", **stands)
    step = next_step(one, around(spec(**asks), is_elsewhere=True))
    assert step.act is Act.NONE
    (move,) = step.moves
    assert (move.to, move.reason) == (to, why)
    assert legal(state, move.event, move.to)
    if to == "queued":
        assert move.changes["generation"] == one.generation + 1


def test_a_parked_run_elsewhere_is_left_alone() -> None:
    step = next_step(job("parked", reason="lost"), around(is_elsewhere=True))
    assert (step.moves, step.act) == ((), Act.NONE)
    assert step.due_in_ms


@pytest.mark.parametrize("state", ["launching", "running", "finishing"])
def test_the_same_run_here_is_looked_at(state: str) -> None:
    step = next_step(job(state), around(spec(publish=TARGETS)))
    assert step.act is not Act.NONE
