"""After a store went back in time: who may go on by itself."""

from __future__ import annotations

import dataclasses

import pytest
from making import FACTS, TARGETS, TRANSIENT, around, job, spec

from bydawn.core.decide import Fact, learn, next_step
from bydawn.core.decide.step import Act
from bydawn.core.model import Effects, Job, JobSpec, OnDoubt
from bydawn.core.putting_back import MARKED, is_unbroken, may_go_on, tokens_ahead
from bydawn.core.recording import apply, begin
from bydawn.core.sightings import Ended, Guarantee, Outcome, Vanished
from bydawn.core.states import State

NOW = 1_800_000_000_000
SPEC = JobSpec("a", "any")


@pytest.mark.parametrize("guarantee", [*Guarantee, None])
def test_only_what_this_machines_disk_proves_goes_on(guarantee: Guarantee | None) -> None:
    """A service that knows keys may take now what it refused the first time."""
    assert may_go_on(SPEC, guarantee, True) is (guarantee is Guarantee.LOCAL_CLAIM)
    assert not may_go_on(SPEC, guarantee, False)


@pytest.mark.parametrize("guarantee", [*Guarantee, None])
def test_a_plan_that_says_relaunch_is_obeyed(guarantee: Guarantee | None) -> None:
    relaunch = dataclasses.replace(SPEC, on_doubt=OnDoubt.RELAUNCH)
    assert may_go_on(relaunch, guarantee, False)


def test_a_local_run_without_effects_may_run_twice_but_a_paid_one_may_not() -> None:
    harmless = dataclasses.replace(SPEC, effects=Effects.NONE)
    assert may_go_on(harmless, Guarantee.LOCAL_CLAIM, False)
    assert not may_go_on(harmless, Guarantee.BLIND, False)


@pytest.mark.parametrize(
    ("generation", "claimed", "is_met"),
    [
        (1, [], True),
        (1, [1], True),
        (1, [1, 2, 3], True),
        (3, [1, 3, 4], True),
        (2, [1], True),
        (1, [2], False),
        (1, [1, 3], False),
        (3, [1, 4], False),
    ],
)
def test_a_launch_that_was_refused_left_no_claim_to_be_met(
    generation: int, claimed: list[int], is_met: bool
) -> None:
    """The second was refused for want of descriptors, the third runs: the second may not start."""
    assert is_unbroken(generation, claimed) is is_met


def test_numbers_go_on_beyond_those_of_whoever_had_put_the_same_backup_back() -> None:
    first = 7 + tokens_ahead(7, NOW)
    assert 7 + tokens_ahead(7, NOW + 1_000) >= first + 1_000_000
    assert first < 1 << 53, "a whole number in every reader of JSON"


def test_who_says_recover_twice_does_not_hold_the_next_return_of_the_backup_down() -> None:
    once = 7 + tokens_ahead(7, NOW)
    twice = once + tokens_ahead(once, NOW + 3_000)
    assert 7 + tokens_ahead(7, NOW + 60_000) > twice > once


def test_a_clock_that_was_set_back_does_not_hold_numbers_back() -> None:
    given_out = NOW << 10
    assert tokens_ahead(given_out, NOW - 999_999) == 1 << 32


@pytest.mark.parametrize("state", [State.PARKED, State.RUNNING, State.FINISHING])
def test_what_was_put_back_neither_fails_nor_goes_again_by_itself(state: State) -> None:
    """A later run may live that the store does not know: only a good end settles the job."""
    ways = (spec(retries=3), spec(effects=Effects.NONE, on_doubt=OnDoubt.FAIL, publish=TARGETS))
    for one in ways:
        for fact in FACTS:
            for asked in ({}, {"stopping": "timeout"}, {"wish": "cancel"}):
                known = job(state.value, **MARKED, **asked)
                _learn(known, fact, one)
                assert known.state not in (State.FAILED, State.QUEUED, State.CANCELLED), fact


def _learn(known: Job, fact: Fact, one: JobSpec) -> None:
    change = begin(known)
    for move in learn(known, fact, around(one)).moves:
        apply(change, move, None)


@pytest.mark.parametrize(
    ("fact", "reason", "act"),
    [
        (Vanished("gone"), "lost", Act.POLL),
        (Ended(Outcome(TRANSIENT)), "in_doubt", Act.NONE),
    ],
)
def test_a_person_reads_how_the_known_run_ended_and_it_is_told_once(
    fact: Fact, reason: str, act: Act
) -> None:
    """A lost run may yet be seen; one that ended is not looked at again."""
    known = job("parked", **MARKED, reason="in_doubt")
    _learn(known, fact, spec())
    assert (known.state, known.reason, known.error_code) == ("parked", reason, "put_back")
    assert "older state" in (known.error_message or "")
    assert (known.error_message or "").endswith(("gone", "trouble"))
    assert next_step(known, around()).act is act
    if act is Act.POLL:
        assert not learn(known, fact, around()).moves


def test_a_good_end_settles_what_was_put_back_and_takes_the_mark_away() -> None:
    known = job("parked", **MARKED, reason="in_doubt")
    _learn(known, Ended(Outcome()), spec())
    assert (known.state, known.error_code, known.error_message) == ("succeeded", None, None)


def test_the_mark_outlasts_the_end_until_the_check_has_spoken() -> None:
    known = job("parked", **MARKED, reason="in_doubt")
    checked = spec(check=("true",), retries=3)
    _learn(known, Ended(Outcome()), checked)
    assert (known.state, known.error_code) == ("finishing", "put_back")


def test_a_cancel_of_what_was_put_back_publishes_nothing_and_asks_again() -> None:
    known = job("finishing", **MARKED, wish="cancel", step="checked:d")
    (move,) = next_step(known, around(spec(publish=TARGETS))).moves
    assert (move.to, move.reason) == (State.PARKED, "in_doubt")
