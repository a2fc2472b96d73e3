"""The verdict table, row by row."""

from __future__ import annotations

import itertools
from functools import partial
from typing import Any

import pytest
from making import spec

from bydawn.core.model import Effects, OnDoubt
from bydawn.core.sightings import Failure, FailureClass
from bydawn.core.states import Reason
from bydawn.core.verdicts import (
    Verdict,
    judge,
    judge_in_doubt,
    judge_lost,
    judge_stopped,
    safe_to_repeat,
)

T, H, P = FailureClass.TRANSIENT, FailureClass.HELD, FailureClass.PERMANENT
A, U = FailureClass.AMBIGUOUS, FailureClass.AUTH


@pytest.mark.parametrize(
    ("kind", "code", "faults", "fields", "verdict", "reason", "counts"),
    [
        (T, "exit_1", 0, {}, Verdict.RETRY, Reason.BACKOFF, True),
        (T, "exit_1", 1, {}, Verdict.RETRY, Reason.BACKOFF, True),
        (T, "exit_1", 2, {}, Verdict.GIVE_UP, Reason.EXHAUSTED, False),
        (T, "exit_1", 0, {"retries": 0}, Verdict.GIVE_UP, Reason.PERMANENT, False),
        (T, "exit_1", 0, {"permanent_exit": (1,)}, Verdict.GIVE_UP, Reason.PERMANENT, False),
        (T, "exit_100", 0, {}, Verdict.GIVE_UP, Reason.PERMANENT, False),
        (P, "exit_75", 0, {}, Verdict.RETRY, Reason.BACKOFF, True),
        (T, "exit_75", 0, {"permanent_exit": (75,)}, Verdict.RETRY, Reason.BACKOFF, True),
        (P, "exit_111", 2, {}, Verdict.GIVE_UP, Reason.EXHAUSTED, False),
        (P, "404", 0, {}, Verdict.GIVE_UP, Reason.PERMANENT, False),
        (H, "429", 99, {"retries": 0}, Verdict.HOLD, Reason.HELD, False),
        (U, "401", 0, {}, Verdict.PARK, Reason.AUTH, False),
        (T, "no_output", 0, {}, Verdict.RETRY, Reason.BACKOFF, True),
        (T, "no_output", 2, {}, Verdict.GIVE_UP, Reason.NO_OUTPUT, False),
        (T, "unmet", 2, {}, Verdict.GIVE_UP, Reason.UNMET, False),
        (P, "unmet", 0, {}, Verdict.GIVE_UP, Reason.UNMET, False),
        (A, "reset", 0, {}, Verdict.RETRY, Reason.BACKOFF, True),
    ],
)
def test_a_run_that_ended_by_its_own_statement(
    kind: FailureClass, code: str, faults: int, fields: dict[str, Any], verdict: Verdict,
    reason: Reason, counts: bool,
) -> None:  # fmt: skip
    judgement = judge(Failure(kind, code), spec(**fields), faults)
    assert (judgement.verdict, judgement.reason, judgement.counts) == (verdict, reason, counts)


EVERY = list(itertools.product(Effects, OnDoubt, range(4)))


@pytest.mark.parametrize("stopped", ["timeout", "stalled", "budget", "deadline", "interrupt", "x"])
def test_a_run_we_ended(stopped: str) -> None:
    for effects, on_doubt, faults in EVERY:
        one = spec(effects=effects, on_doubt=on_doubt)
        judgement = judge_stopped(stopped, one, faults)
        if not safe_to_repeat(one) or stopped == "budget":
            assert judgement.verdict is Verdict.GIVE_UP
        elif stopped in ("timeout", "stalled"):
            again = faults < one.retries
            assert judgement.verdict is (Verdict.RETRY if again else Verdict.GIVE_UP)
            assert judgement.counts is again
        else:
            assert (judgement.verdict, judgement.counts) == (Verdict.HOLD, False)


@pytest.mark.parametrize("judging", [judge_lost, partial(judge_in_doubt, is_local=True)])
def test_what_nobody_knows_is_never_a_second_run_of_outside_effects(judging: Any) -> None:
    for effects, on_doubt, faults in EVERY:
        one = spec(effects=effects, on_doubt=on_doubt)
        verdict = judging(one, faults).verdict
        if on_doubt is OnDoubt.FAIL:
            assert verdict is Verdict.GIVE_UP
        elif effects is Effects.OUTSIDE and on_doubt is OnDoubt.PARK:
            assert verdict is Verdict.PARK
        else:
            assert verdict is (Verdict.RETRY if faults < one.retries else Verdict.GIVE_UP)


def test_a_remote_launch_in_doubt_goes_again_only_by_the_plans_own_word() -> None:
    for effects, on_doubt, faults in EVERY:
        one = spec(effects=effects, on_doubt=on_doubt)
        verdict = judge_in_doubt(one, faults, is_local=False).verdict
        assert (verdict is Verdict.PARK) is (on_doubt is OnDoubt.PARK)
        assert (verdict is Verdict.RETRY) <= (on_doubt is OnDoubt.RELAUNCH)


def test_only_a_counted_verdict_is_a_retry() -> None:
    """``retries`` bounds generations only if every RETRY counts and nothing else does."""
    for effects, on_doubt, faults in EVERY:
        one = spec(effects=effects, on_doubt=on_doubt)
        found = [judge(Failure(kind, "c"), one, faults) for kind in FailureClass]
        found += [judge_stopped(why, one, faults) for why in ("timeout", "deadline", "budget")]
        found += [judge_in_doubt(one, faults, is_local) for is_local in (True, False)]
        found += [judge_lost(one, faults)]
        assert all((one.verdict is Verdict.RETRY) == one.counts for one in found)
