"""What another machine may decide about a local run whose own machine is silent."""

from __future__ import annotations

from typing import Any

import pytest
from making import TARGETS, around, job, spec

from bydawn.core.decide import Act, learn, next_step
from bydawn.core.decide.step import Collected, CollectTrouble
from bydawn.core.model import Effects, OnDoubt
from bydawn.core.sightings import Failure, FailureClass
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


@pytest.mark.parametrize("stands", [{"reason": "lost"}, {"reason": "in_doubt", "wish": "cancel"}])
def test_a_parked_run_elsewhere_is_left_alone(stands: dict[str, str]) -> None:
    """No older cancel is confirmed by knowing nothing of the run, there as here."""
    step = next_step(job("parked", **stands), around(is_elsewhere=True))
    assert (step.moves, step.act) == ((), Act.NONE)
    assert step.due_in_ms


@pytest.mark.parametrize("state", ["launching", "running", "finishing"])
def test_the_same_run_here_is_looked_at(state: str) -> None:
    step = next_step(job(state), around(spec(publish=TARGETS)))
    assert step.act is not Act.NONE


BOUND = {"step": "approved:d1"}
FETCHED_ELSEWHERE: list[tuple[dict[str, Any], dict[str, Any], Act]] = [
    # spec, job, what is done first
    ({"publish": TARGETS}, {"step": "collected:d1"}, Act.COLLECT),
    ({"publish": TARGETS, "check": ("true",)}, {"step": "collected:d1"}, Act.COLLECT),
    ({"publish": TARGETS, "check": ("true",)}, {"step": "checked:d1"}, Act.COLLECT),
    ({"publish": TARGETS, "approve": True}, BOUND, Act.COLLECT),
    ({"publish": TARGETS}, {"step": "published:d1:1"}, Act.COLLECT),
    ({"publish": TARGETS}, {"step": "published:d1:2"}, Act.NONE),
    ({"publish": TARGETS, "approve": True}, {"step": "collected:d1"}, Act.NONE),
    ({}, {"step": "collected:"}, Act.NONE),
]


@pytest.mark.parametrize(("asks", "stands", "act"), FETCHED_ELSEWHERE)
def test_a_remote_draft_on_another_machine_is_fetched_again_where_it_is_needed(
    asks: dict[str, Any], stands: dict[str, Any], act: Act
) -> None:
    one = job("finishing", machine="m_2", **stands)
    assert next_step(one, around(spec(**asks), is_draft_elsewhere=True)).act is act
    assert next_step(one, around(spec(**asks))).act is not Act.COLLECT


@pytest.mark.parametrize("step", ["collected:d1", "checked:d1"])
def test_a_draft_that_was_fetched_again_is_checked_again(step: str) -> None:
    learnt = learn(job("finishing", step=step), Collected(None, "d2", "m_1"), around())
    (move,) = learnt.moves
    assert move.changes == {"step": "collected:d2", "machine": "m_1"}


@pytest.mark.parametrize("step", ["approved:d1", "published:d1:1"])
def test_what_was_approved_or_published_goes_on_only_with_the_very_same_draft(step: str) -> None:
    bound = job("finishing", step=step)
    (same,) = learn(bound, Collected(None, "d1", "m_1"), around()).moves
    assert same.changes == {"step": step, "machine": "m_1"}
    gone = Collected(Failure(FailureClass.PERMANENT, "not_collected", "HTTP 404"))
    for fact in (Collected(None, "d2", "m_1"), gone, CollectTrouble("HTTP 500")):
        (parked,) = learn(bound, fact, around(tries=10)).moves
        assert (parked.to, parked.reason) == ("parked", "lost")
        assert legal("finishing", parked.event, parked.to)


def test_a_draft_that_is_gone_everywhere_is_judged_like_one_that_never_came() -> None:
    gone = Collected(Failure(FailureClass.PERMANENT, "not_collected", "HTTP 404"))
    (move,) = learn(job("finishing", step="collected:d1"), gone, around()).moves
    assert (move.to, move.reason) == ("failed", "permanent")
