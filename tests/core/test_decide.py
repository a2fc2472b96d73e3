"""Deciding: a table over every state and fact, and the rules that hold in all of it."""

from __future__ import annotations

import copy
import dataclasses
import itertools
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from making import FACTS, KEYED, METERED, NOW, PATIENT, TARGETS, TRANSIENT, around, job, spec

from bydawn.core.decide import Act, Circumstances, Fact, Step, learn, next_step
from bydawn.core.decide.step import (
    Broken,
    CheckEnded,
    Collected,
    CollectTrouble,
    Published,
    PublishTrouble,
)
from bydawn.core.model import Backoff, Bound, Effects, Job, JobSpec, Limits, OnDoubt
from bydawn.core.recording import apply, begin
from bydawn.core.sightings import (
    Absent,
    Alive,
    CancelAnswer,
    Capabilities,
    Ended,
    Failure,
    FailureClass,
    Found,
    Guarantee,
    Launched,
    LaunchRefused,
    LaunchUnclear,
    Outcome,
    Repeatable,
    Reserved,
    Unknown,
    Vanished,
)
from bydawn.core.states import TERMINAL, Event, Reason, State

SPECS = (
    spec(limits=PATIENT),
    spec(limits=PATIENT, effects=Effects.NONE, retries=0),
    spec(effects=Effects.GATED, on_doubt=OnDoubt.FAIL, bound=Bound(usd_micros=30, tokens=5)),
    spec(on_doubt=OnDoubt.RELAUNCH, check=("true",), publish=TARGETS, approve=True),
)
VARIANTS: tuple[dict[str, Any], ...] = (
    {}, {"wish": "cancel"}, {"stopping": "timeout"}, {"stopping": "operator"}, {"fresh": True},
    {"step": "collected:ff"}, {"step": "checked:ff"}, {"step": "approved:ff"},
    {"step": "published:ff:1"}, {"handle": None}, {"faults": 2}, {"reason": "lost"},
    {"reason": "needs_input"},
)  # fmt: skip
AROUNDS: tuple[dict[str, Any], ...] = (
    {}, {"halt": "cancel"}, {"halt": "deadline"}, {"asked_ms": 100_000, "tries": 9},
    {"left_ms": -1}, {"quiet_ms": 40_000},
    {"capabilities": Capabilities(Guarantee.LOCAL_CLAIM, local=True, wants_result=True)},
    {"capabilities": Capabilities(Guarantee.TWO_PHASE, collects=True)},
)  # fmt: skip
CASES = list(itertools.product(State, SPECS, VARIANTS, AROUNDS))


def _job(state: State, variant: dict[str, Any]) -> Job:
    """A job that a store could hold: only launching is fresh."""
    fields = dict(variant)
    if state is not State.LAUNCHING:
        fields.pop("fresh", None)
    return job(state.value, **fields)


def _check(before: Job, step: Step, fact: Fact | None) -> Job:
    """What must hold of every step whatsoever."""
    after = copy.copy(before)
    change = begin(after)
    is_end = isinstance(fact.sighting if isinstance(fact, Launched) else fact, Ended)
    for move in step.moves:
        apply(change, move, METERED if is_end else None)
    assert isinstance(step.act, Act)
    if State(before.state) in TERMINAL or before.state == State.QUEUED:
        assert step == Step()
        return after
    if step.act is Act.LAUNCH:
        assert before.state == State.LAUNCHING
        is_reserved = [move.event for move in step.moves] == [Event.RESERVED]
        assert before.fresh or is_reserved
        assert is_reserved or not step.moves
        assert before.wish is None
    if step.act is not Act.NONE:
        assert State(after.state) not in TERMINAL
        assert after.state != State.QUEUED
    if step.act in (Act.POLL, Act.CANCEL):
        assert after.state in (State.RUNNING, State.PARKED)
    if after.state == State.QUEUED and before.state != State.QUEUED:
        assert after.generation == before.generation or after.handle is None
        assert after.not_before < 1 << 61
    if after.state == State.SUCCEEDED:
        is_launch = isinstance(fact, Launched) and is_end
        assert is_launch or before.state in (State.RUNNING, State.FINISHING, State.PARKED)
    if before.state != State.SUCCEEDED and after.state == State.SUCCEEDED:
        assert step.moves[-1].event is Event.SUCCEEDED
    assert after.faults - before.faults in (0, 1)
    assert after.revision == before.revision
    if after.state == State.QUEUED and before.state != State.QUEUED:
        same = before.state == State.LAUNCHING and step.moves[-1].event is Event.ABSENT
        assert after.generation == before.generation + (0 if same else 1)
    return after


@pytest.mark.parametrize("state", list(State))
def test_no_pair_of_state_and_fact_raises_and_every_move_is_legal(state: State) -> None:
    for _, one, variant, extra in (case for case in CASES if case[0] is state):
        before = _job(state, variant)
        for fact in FACTS:
            step = learn(copy.copy(before), fact, around(one, **extra))
            _check(before, step, fact)


@pytest.mark.parametrize("state", list(State))
def test_no_due_job_raises(state: State) -> None:
    for _, one, variant, extra in (case for case in CASES if case[0] is state):
        before = _job(state, variant)
        step = next_step(copy.copy(before), around(one, **extra))
        if not (variant.get("handle", "") is None and state in (State.RUNNING,)):
            _check(before, step, None)


@pytest.mark.parametrize("state", list(State))
def test_deciding_changes_nothing(state: State) -> None:
    for variant in VARIANTS:
        before = _job(state, variant)
        given_job = copy.copy(before)
        next_step(given_job, around(SPECS[3]))
        for fact in FACTS:
            learn(given_job, fact, around(SPECS[3]))
        assert given_job == before


# Launching


def test_only_a_fresh_intention_is_launched() -> None:
    assert next_step(job("launching", fresh=True), around()).act is Act.LAUNCH
    assert next_step(job("launching"), around()).act is Act.FIND


@pytest.mark.parametrize("halt", ["cancel", "deadline", "interrupt"])
def test_nothing_is_launched_once_everything_must_end(halt: str) -> None:
    step = next_step(job("launching", fresh=True), around(halt=halt))
    assert step.act is Act.NONE
    assert [move.event for move in step.moves] == [Event.ABSENT]


def test_a_cancel_wish_wins_over_a_fresh_intention() -> None:
    step = next_step(job("launching", fresh=True, wish="cancel"), around())
    assert step.moves[0].to is State.CANCELLED


def test_an_unclear_launch_goes_to_find_never_back_to_launch() -> None:
    for fact in (LaunchUnclear("reset"), Broken("a bug")):
        assert learn(job("launching"), fact, around()).act is Act.FIND


def test_what_only_its_key_can_find_is_launched_again_whatever_is_wished() -> None:
    """Under no other claim and not from the queue, where a key may be forgotten meanwhile."""
    for wish in (None, "cancel"):
        step = learn(job("launching", wish=wish), Repeatable(), around(sought_ms=0))
        assert (step.moves, step.act, step.due_in_ms) == ((), Act.REPEAT, None)


def test_what_is_launched_again_in_vain_is_looked_for_later_and_not_for_ever() -> None:
    fact = LaunchUnclear("429", 90_000)
    step = learn(job("launching", intended_at=NOW), fact, around(sought_ms=2_000))
    assert (step.moves, step.act, step.due_in_ms) == ((), Act.FIND, 90_000)
    late = around(sought_ms=2_000, now=NOW + 86_400_000)
    (move,) = learn(job("launching", intended_at=NOW), fact, late).moves
    assert move.event is Event.UNKNOWABLE


def test_absent_keeps_the_generation_and_uses_nothing_up() -> None:
    (move,) = learn(job("launching", attempts=3), Absent(), around()).moves
    assert (move.to, move.changes["attempts"]) == (State.QUEUED, 2)
    assert "generation" not in move.changes
    assert "faults" not in move.changes


def test_absent_is_believed_only_after_the_settle_delay() -> None:
    """An eventually consistent listing does not show a run at once (design 7)."""
    searchable = Capabilities(Guarantee.SEARCHABLE, settle_ms=5_000)
    early = around(capabilities=searchable, sought_ms=1_000)
    step = learn(job("launching"), Absent(), early)
    assert (step.act, step.moves, step.due_in_ms) == (Act.FIND, (), 4_000)
    late = around(capabilities=searchable, sought_ms=5_000)
    assert learn(job("launching"), Absent(), late).moves[0].event is Event.ABSENT


def two_phase(**fields: Any) -> Circumstances:
    return around(capabilities=Capabilities(Guarantee.TWO_PHASE), **fields)


def test_a_two_phase_launch_commits_its_reservation_before_the_second_call() -> None:
    fresh = job("launching", fresh=True)
    assert next_step(fresh, two_phase()).act is Act.RESERVE
    step = learn(fresh, Reserved("box"), two_phase())
    assert step.act is Act.LAUNCH
    assert [move.event for move in step.moves] == [Event.RESERVED]
    assert step.moves[0].changes == {"container": "box"}


def test_without_a_committed_reservation_nothing_can_have_been_launched() -> None:
    (move,) = next_step(job("launching"), two_phase()).moves
    assert move.event is Event.ABSENT
    assert next_step(job("launching", container="box"), two_phase()).act is Act.FIND


def test_a_reservation_is_kept_for_the_generation_and_forgotten_with_it() -> None:
    kept = job("launching", container="box")
    (absent,) = learn(kept, Absent(), two_phase()).moves
    assert "container" not in absent.changes
    again = job("launching", container="box", fresh=True)
    assert next_step(again, two_phase()).act is Act.LAUNCH
    (refused,) = learn(kept, LaunchRefused(TRANSIENT), two_phase()).moves
    assert refused.changes["container"] is None


@pytest.mark.parametrize(
    "fact", [LaunchUnclear("reset"), Broken("a bug"), LaunchRefused(TRANSIENT)]
)
def test_a_reservation_that_failed_is_judged_and_never_in_doubt(fact: Fact) -> None:
    step = learn(job("launching", fresh=True), fact, two_phase())
    assert (step.act, step.moves[0].event, step.moves[0].to) == (
        Act.NONE, Event.REFUSED, State.QUEUED,
    )  # fmt: skip


def test_a_reservation_is_not_used_once_everything_must_end() -> None:
    step = learn(job("launching"), Reserved("box"), two_phase(halt="deadline"))
    assert (step.act, step.moves[0].event) == (Act.NONE, Event.ABSENT)


@pytest.mark.parametrize("fact", [Launched("h2"), Found("h2")])
def test_a_run_that_exists_is_recorded_with_its_handle_and_its_limit(fact: Fact) -> None:
    one = spec(limits=Limits(timeout_ms=500))
    (move,) = learn(job("launching", intended_at=NOW - 100), fact, around(one)).moves
    assert move.to is State.RUNNING
    assert (move.changes["handle"], move.changes["deadline_at"]) == ("h2", NOW + 400)


@pytest.mark.parametrize(
    ("on_doubt", "effects", "to", "reason"),
    [
        (OnDoubt.PARK, Effects.OUTSIDE, State.PARKED, Reason.IN_DOUBT),
        (OnDoubt.FAIL, Effects.OUTSIDE, State.FAILED, Reason.IN_DOUBT),
        (OnDoubt.FAIL, Effects.NONE, State.FAILED, Reason.IN_DOUBT),
        (OnDoubt.RELAUNCH, Effects.OUTSIDE, State.QUEUED, Reason.BACKOFF),
        # A second remote run costs money even where it changes nothing.
        (OnDoubt.PARK, Effects.NONE, State.PARKED, Reason.IN_DOUBT),
        (OnDoubt.PARK, Effects.GATED, State.PARKED, Reason.IN_DOUBT),
        (OnDoubt.RELAUNCH, Effects.NONE, State.QUEUED, Reason.BACKOFF),
    ],
)
def test_an_unknowable_launch_goes_as_declared(
    on_doubt: OnDoubt, effects: Effects, to: State, reason: Reason
) -> None:
    one = spec(on_doubt=on_doubt, effects=effects)
    (move,) = learn(job("launching"), Unknown("?"), around(one)).moves
    assert (move.to, move.reason) == (to, reason)


def test_a_find_that_only_ever_breaks_ends_in_doubt_not_in_an_endless_loop() -> None:
    one = spec(limits=Limits(timeout_ms=60_000))
    young = learn(job("launching"), Broken("a bug"), around(one))
    assert (young.act, young.moves) == (Act.FIND, ())
    old = learn(job("launching", intended_at=NOW - 60_000), Broken("a bug"), around(one))
    assert [move.reason for move in old.moves] == [Reason.IN_DOUBT]


# Running


def test_a_cancel_wish_is_asked_for_at_once() -> None:
    step = next_step(job("running", wish="cancel"), around())
    assert (step.act, step.moves[0].changes) == (Act.CANCEL, {"stopping": "operator"})


def test_the_intention_to_end_is_recorded_before_it_is_asked() -> None:
    step = learn(job("running"), Alive(), around(left_ms=0))
    assert step.act is Act.CANCEL
    assert [move.event for move in step.moves] == [Event.CANCEL_ASKED]


@pytest.mark.parametrize(
    ("fields", "extra", "why"),
    [
        ({}, {"left_ms": 0}, "timeout"),
        ({}, {"quiet_ms": 30_000}, "stalled"),
        ({"cost_micros": 10}, {}, "budget"),
        ({}, {"halt": "deadline"}, "deadline"),
        ({}, {"halt": "interrupt"}, "interrupt"),
        ({}, {"halt": "cancel"}, "operator"),
        ({"wish": "cancel"}, {"halt": "deadline", "left_ms": 0}, "operator"),
    ],
)
def test_why_a_live_run_is_ended(fields: dict[str, Any], extra: dict[str, Any], why: str) -> None:
    one = spec(limits=PATIENT, bound=Bound(usd_micros=49))
    fact = Alive(usage=METERED) if why == "budget" else Alive()
    step = learn(job("running", **fields), fact, around(one, **extra))
    assert (step.act, step.argument) == (Act.CANCEL, why)


def test_a_run_within_its_limits_goes_on() -> None:
    one = spec(limits=PATIENT, bound=Bound(usd_micros=50))
    step = learn(job("running", cost_micros=10), Alive(usage=METERED), around(one, left_ms=1))
    assert (step.act, step.moves) == (Act.NONE, ())


@given(
    look=st.one_of(st.none(), st.integers(0, 10**9)),
    left=st.integers(1, 10**7),
    stall=st.one_of(st.none(), st.integers(1, 10**6)),
    looks=st.integers(0, 60),
    chance=st.floats(0, 1, exclude_max=True),
)
def test_no_look_is_later_than_the_next_limit(
    look: int | None, left: int, stall: int | None, looks: int, chance: float
) -> None:
    one = spec(limits=Limits(timeout_ms=10**8, stall_ms=stall))
    circumstances = around(one, looks=looks, chance=chance, left_ms=left)
    step = learn(job("running"), Alive(look_again_ms=look), circumstances)
    assert step.due_in_ms is not None
    assert 0 <= step.due_in_ms <= step.due_in_ms + step.slack_ms <= min(left, stall or left)


def test_a_look_that_needs_a_thread_may_come_a_little_later_and_never_earlier() -> None:
    one = spec(limits=Limits(timeout_ms=10**8, stall_ms=None))
    seen = Alive(look_again_ms=64_000)
    prompt = dataclasses.replace(KEYED, prompt=True)
    steps = [
        learn(job("running"), seen, around(one, left_ms=10**7, capabilities=each))
        for each in (KEYED, prompt)
    ]
    assert [(step.due_in_ms, step.slack_ms) for step in steps] == [(64_000, 2_000), (64_000, 0)]


def test_half_a_stall_is_shown_once_and_taken_back() -> None:
    run = job("running")
    half = around(spec(limits=PATIENT), quiet_ms=15_000)
    step = learn(run, Alive(), half)
    assert [(move.event, move.reason) for move in step.moves] == [(Event.STALLING, Reason.STALLED)]
    assert (step.act, step.moves[0].changes["progress_at"]) == (Act.NONE, half.now - 15_000)
    shown = job("running", reason="stalled")
    assert learn(shown, Alive(), around(spec(limits=PATIENT), quiet_ms=29_999)).moves == ()
    back = learn(shown, Alive(), around(spec(limits=PATIENT), quiet_ms=0)).moves
    assert [(move.event, move.reason) for move in back] == [(Event.PROGRESSED, None)]


def test_spending_without_progress_is_named_and_ended_like_a_stall() -> None:
    one = spec(limits=PATIENT, effects=Effects.OUTSIDE)
    step = learn(job("running"), Alive(usage=METERED), around(one, spending_ms=30_000))
    assert (step.act, step.argument) == (Act.CANCEL, "spending")
    ended = Ended(Outcome(Failure(FailureClass.TRANSIENT, "spending"), stopped="spending"))
    (move,) = learn(job("running", stopping="spending"), ended, around(one)).moves
    assert (move.to, move.reason) == (State.FAILED, Reason.STALLED)


@pytest.mark.parametrize(
    ("fact", "late", "why"),
    [
        (Alive(needs_input="which one?"), {"left_ms": 0}, "timeout"),
        (Alive(needs_input="which one?", usage=METERED), {}, "budget"),
    ],
)
def test_waiting_for_a_person_lifts_no_limit(fact: Alive, late: dict[str, int], why: str) -> None:
    one = spec(limits=PATIENT, bound=Bound(usd_micros=0 if why == "budget" else None))
    step = learn(job("parked", reason="needs_input"), fact, around(one, **late))
    assert (step.act, step.argument) == (Act.CANCEL, why)
    (move,) = step.moves
    assert (move.to, move.reason) == (State.PARKED, Reason.NEEDS_INPUT)
    assert move.changes == {"stopping": why}


def test_limits_hold_for_a_run_that_cannot_be_looked_at() -> None:
    """I10: a backend that only ever breaks must not switch the limits off."""
    step = learn(job("running"), Broken("a bug"), around(left_ms=0))
    assert (step.act, step.argument) == (Act.CANCEL, "timeout")
    asked = around(asked_ms=10_000_000)
    step = learn(job("running", stopping="timeout"), Broken("a bug"), asked)
    assert [move.reason for move in step.moves] == [Reason.CANCEL_UNCONFIRMED]


def test_a_run_that_does_not_confirm_its_end_is_asked_again_then_parked() -> None:
    ending = job("running", stopping="timeout")
    one = spec(limits=PATIENT)
    assert learn(ending, Alive(), around(one)).act is Act.CANCEL
    assert learn(ending, Alive(), around(one, asked_ms=2_000)).act is Act.CANCEL
    assert learn(ending, Alive(), around(one, asked_ms=2_000, tries=1)).act is Act.NONE
    (move,) = learn(ending, Alive(), around(one, asked_ms=61_000)).moves
    assert (move.to, move.reason) == (State.PARKED, Reason.CANCEL_UNCONFIRMED)


def test_a_persons_cancel_is_believed_once_the_run_has_ended() -> None:
    for fact in (Ended(Outcome()), Ended(Outcome(TRANSIENT)), Vanished()):
        step = learn(job("running", stopping="operator"), fact, around())
        assert [move.to for move in step.moves] == [State.CANCELLED]


@pytest.mark.parametrize("stopped", ["timeout", "stalled"])
def test_a_run_we_killed_with_outside_effects_is_failed_not_repeated(stopped: str) -> None:
    outcome = Ended(Outcome(TRANSIENT, stopped=stopped))
    (move,) = learn(job("running", stopping=stopped), outcome, around()).moves
    assert (move.to, move.reason) == (State.FAILED, Reason(stopped))
    (move,) = learn(job("running"), outcome, around(spec(effects=Effects.GATED))).moves
    assert move.to is State.QUEUED


def test_a_job_over_its_own_budget_is_over_even_when_it_is_safe_to_repeat() -> None:
    """Another generation could only spend more of what is already gone."""
    outcome = Ended(Outcome(TRANSIENT, stopped="budget"))
    for effects in Effects:
        (move,) = learn(job(stopping="budget"), outcome, around(spec(effects=effects))).moves
        assert (move.to, move.reason) == (State.FAILED, Reason.BUDGET)


def test_a_vanished_run_is_never_guessed() -> None:
    (move,) = learn(job("running"), Vanished(), around()).moves
    assert (move.to, move.reason) == (State.PARKED, Reason.LOST)
    (move,) = learn(job("running"), Vanished(), around(spec(effects=Effects.NONE))).moves
    assert (move.to, move.changes["generation"]) == (State.QUEUED, 2)


def test_usage_and_cost_add_up_over_attempts() -> None:
    before = job("running", usage='{"input_tokens": 1}', cost_micros=2)
    (move,) = learn(before, Ended(Outcome(TRANSIENT, usage=METERED)), around()).moves
    assert move.changes["cost_micros"] == 42
    assert move.changes["usage"] == '{"input_tokens": 8, "output_tokens": 3}'


@given(
    asked=st.one_of(st.none(), st.integers(0, 10**8)),
    faults=st.integers(0, 2),
    kind=st.sampled_from([FailureClass.TRANSIENT, FailureClass.HELD]),
    chance=st.floats(0, 1, exclude_max=True),
    state=st.sampled_from(["launching", "running"]),
)
def test_retry_after_is_never_undercut(
    asked: int | None, faults: int, kind: FailureClass, chance: float, state: str
) -> None:
    """I15, for refusals and for runs that ended, retried and held alike."""
    failure = Failure(kind, "429", "slow down", asked)
    fact: Fact = LaunchRefused(failure) if state == "launching" else Ended(Outcome(failure))
    one = spec(retries=3, backoff=Backoff(100, 1000))
    (move,) = learn(job(state, faults=faults), fact, around(one, chance=chance)).moves
    assert move.to is State.QUEUED
    assert move.changes["not_before"] >= NOW + (asked or 0)


@given(retries=st.integers(0, 5), chance=st.floats(0, 1, exclude_max=True))
def test_retries_are_bounded(retries: int, chance: float) -> None:
    """I9: after ``retries`` counted faults the next one is the last."""
    known, one, launches = job("running"), spec(retries=retries), 1
    while True:
        (move,) = learn(known, Ended(Outcome(TRANSIENT)), around(one, chance=chance)).moves
        if move.to is State.FAILED:
            break
        for name, value in move.changes.items():
            setattr(known, name, value)
        launches += 1
        assert launches <= retries + 1
    assert launches == retries + 1


# Finishing


def _walk(known: Job, one: JobSpec, facts: list[Fact]) -> list[str]:
    """Decide, learn and apply until nothing is left to learn; the acts and events on the way."""
    told: list[str] = []
    change = begin(known)
    for _ in range(40):
        step = next_step(known, around(one))
        if step.act is not Act.NONE and facts:
            told.append(f"{step.act}{step.argument}")
            step = learn(known, facts.pop(0), around(one))
        if not step.moves:
            break
        for move in step.moves:
            apply(change, move, None)
            told.append(move.event.value)
    return told


def test_finishing_takes_every_step_in_order() -> None:
    one = spec(check=("true",), publish=TARGETS)
    facts: list[Fact] = [
        Collected(None, "d"), CheckEnded(), Published("A", "s"), Published("B", "s"),
    ]  # fmt: skip
    known = job("finishing")
    assert _walk(known, one, facts) == [
        "collect", "collected", "check", "checked", "publish0", "published", "publish1",
        "published", "succeeded",
    ]  # fmt: skip


def test_approval_stands_before_every_publication_and_is_bound_to_the_draft() -> None:
    one = spec(check=("true",), publish=TARGETS, approve=True)
    known = job("finishing")
    told = _walk(known, one, [Collected(None, "d"), CheckEnded()])
    assert told[-1] == "approval_asked"
    assert (known.state, known.reason, known.step) == ("parked", "awaiting_approval", "checked:d")


def test_a_successor_goes_on_at_the_same_target() -> None:
    one = spec(publish=TARGETS)
    step = next_step(job("finishing", step="published:d:1"), around(one))
    assert (step.act, step.argument) == (Act.PUBLISH, "1")


def test_a_cancel_wish_wins_before_publishing_and_not_after() -> None:
    one = spec(publish=TARGETS)
    early = next_step(job("finishing", step="checked:d", wish="cancel"), around(one))
    assert [move.to for move in early.moves] == [State.CANCELLED]
    late = next_step(job("finishing", step="published:d:1", wish="cancel"), around(one))
    assert late.act is Act.PUBLISH


@pytest.mark.parametrize("fact", [Collected(TRANSIENT), CheckEnded(TRANSIENT)])
def test_missing_evidence_is_a_failure_of_the_run(fact: Fact) -> None:
    step = "" if isinstance(fact, Collected) else "collected:d"
    one = spec(check=("true",), publish=TARGETS)
    (move,) = learn(job("finishing", step=step), fact, around(one)).moves
    assert (move.to, move.changes["generation"]) == (State.QUEUED, 2)


def test_a_failed_publish_is_tried_here_and_never_opens_a_generation() -> None:
    one = spec(publish=TARGETS)
    known = job("finishing", step="checked:d")
    fact = PublishTrouble("A", "busy")
    for tries in range(1, 5):
        step = learn(known, fact, around(one, tries=tries))
        assert [move.to for move in step.moves] == [State.FINISHING]
        assert step.due_in_ms
        assert "generation" not in step.moves[0].changes
    (move,) = learn(known, fact, around(one, tries=5)).moves
    assert (move.to, move.reason) == (State.PARKED, Reason.PUBLISH_FAILED)


def test_a_hopeless_publish_is_parked_at_once() -> None:
    one = spec(publish=TARGETS)
    fact = PublishTrouble("A", "is a folder", hopeless=True)
    (move,) = learn(job("finishing", step="checked:d"), fact, around(one)).moves
    assert move.to is State.PARKED


def test_output_that_cannot_be_fetched_now_is_fetched_again_without_a_new_run() -> None:
    """The run was paid for and its output is still there; only after long is it given up."""
    trouble = CollectTrouble("reset")
    for tries in (1, 9):
        step = learn(job("finishing"), trouble, around(tries=tries))
        assert (step.act, step.moves) == (Act.COLLECT, ())
        assert step.due_in_ms
    (move,) = learn(job("finishing"), trouble, around(tries=10)).moves
    assert (move.event, move.to) == (Event.JUDGED, State.QUEUED)


def test_a_backend_that_collects_finishes_even_where_the_plan_asks_for_nothing() -> None:
    fetches = around(capabilities=Capabilities(Guarantee.KEYED, collects=True))
    step = learn(job("running"), Ended(Outcome()), fetches)
    assert [move.event for move in step.moves] == [Event.ENDED]
    assert next_step(job("finishing"), fetches).act is Act.COLLECT


def test_an_act_that_broke_is_never_read_as_success() -> None:
    for step in (None, "collected:d", "checked:d", "published:d:1"):
        one = spec(check=("true",), publish=TARGETS)
        moves = learn(job("finishing", step=step), Broken("a bug"), around(one)).moves
        assert all(move.to is not State.SUCCEEDED for move in moves)
        assert all(move.event is not Event.PUBLISHED for move in moves)


def test_an_agent_that_gives_no_result_has_not_succeeded() -> None:
    agent = Capabilities(Guarantee.KEYED, wants_result=True)
    step = learn(job("running"), Ended(Outcome()), around(spec(retries=0), capabilities=agent))
    assert (step.moves[-1].to, step.moves[-1].reason) == (State.FAILED, Reason.NO_OUTPUT)
    step = learn(job("running"), Ended(Outcome(result="1")), around(capabilities=agent))
    assert step.moves[-1].to is State.SUCCEEDED


# Parked


def test_a_parked_run_is_looked_at_and_settles_itself() -> None:
    unsure = job("parked", reason="cancel_unconfirmed", stopping="timeout")
    (move,) = learn(unsure, Ended(Outcome(TRANSIENT, stopped="timeout")), around()).moves
    assert (move.event, move.to) == (Event.SURFACED, State.FAILED)


def test_a_parked_run_that_must_end_is_asked_again_and_looked_at_in_between() -> None:
    unsure = job("parked", reason="cancel_unconfirmed", stopping="timeout")
    long_ago = around(asked_ms=1_000_000)
    assert next_step(unsure, long_ago).act is Act.CANCEL
    assert learn(unsure, CancelAnswer(True), long_ago).act is Act.POLL


def test_a_parked_run_whose_end_was_judged_is_not_judged_again() -> None:
    """Credentials are wrong: the run is over, a person is needed, there is nothing to look at."""
    failure = Failure(FailureClass.AUTH, "401", "who are you?")
    known = job("running")
    change = begin(known)
    for move in learn(known, Ended(Outcome(failure, usage=METERED)), around()).moves:
        apply(change, move, METERED)
    assert (known.state, known.reason) == ("parked", "auth")
    assert next_step(known, around()) == Step()


def test_a_parked_question_that_was_answered_goes_on() -> None:
    asked = job("parked", reason="needs_input", error_message="which one?")
    step = learn(asked, Alive(), around())
    assert [move.to for move in step.moves] == [State.RUNNING]
    assert step.moves[0].changes["error_message"] is None
    assert learn(asked, Alive(needs_input="which one?"), around()).moves == ()


def test_a_cancel_wish_ends_a_parked_job_that_has_no_run() -> None:
    for fields in ({"handle": None}, {"step": "collected:d"}):
        step = next_step(job("parked", wish="cancel", **fields), around())
        assert [move.to for move in step.moves] == [State.CANCELLED]


def test_a_cancel_wish_confirms_no_launch_that_nobody_could_find() -> None:
    """It was asked for while the launch was unclear, and then nobody could tell: a person decides,
    who may look at the service."""
    doubtful = job("launching", wish="cancel")
    (move,) = learn(doubtful, Unknown("the listing cannot be read"), around(sought_ms=0)).moves
    assert (move.to, move.reason) == (State.PARKED, Reason.IN_DOUBT)
    parked = job("parked", wish="cancel", handle=None, reason="in_doubt")
    assert next_step(parked, around()) == Step()


@given(st.data())
def test_any_history_of_facts_keeps_the_rules(data: st.DataObject) -> None:
    """Random walks: legal moves only, bounded faults, terminal is final, one act at a time."""
    one = data.draw(st.sampled_from(SPECS))
    known = job("launching", fresh=True, handle=None, started_at=None, deadline_at=None)
    for _ in range(25):
        circumstances = Circumstances(
            one, data.draw(st.sampled_from([extra.get("capabilities") or around().capabilities
                                            for extra in AROUNDS])),
            NOW, data.draw(st.floats(0, 1, exclude_max=True)),
            tries=data.draw(st.integers(0, 6)),
        )  # fmt: skip
        fact = data.draw(st.one_of(st.none(), st.sampled_from(FACTS)))
        before = copy.copy(known)
        step = learn(known, fact, circumstances) if fact else next_step(known, circumstances)
        known = _check(before, step, fact)
        known.fresh = False
        assert known.faults <= one.retries
        if known.state == State.QUEUED:
            known.state, known.fresh, known.token = State.LAUNCHING.value, True, known.token + 1
