"""Moves applied in memory: what the one guarded write will say of rows, attempts and counters."""

from __future__ import annotations

import json

import pytest
from making import METERED, job

from bydawn.core.budgets import total_tokens
from bydawn.core.decide import Move
from bydawn.core.model import Job
from bydawn.core.recording import Change, apply, begin
from bydawn.core.sightings import Usage
from bydawn.core.states import Event, Reason, State

RESERVED = {"reserved_micros": 100, "reserved_tokens": 50}


def moved(state: str, *moves: Move, usage: Usage | None = None, **fields: object) -> Change:
    change = begin(job(state, **{**RESERVED, **fields}))
    for move in moves:
        apply(change, move, usage)
    return change


def reserved(one: Job) -> tuple[int, int]:
    return one.reserved_micros, one.reserved_tokens


def test_the_guards_are_what_the_job_was() -> None:
    change = begin(job("launching", token=7, nonce="n7"))
    apply(change, Move(Event.LAUNCHED, State.RUNNING, None, {"handle": "h"}), None)
    apply(change, Move(Event.ENDED, State.FINISHING), METERED)
    assert (change.before_state, change.before_token, change.before_nonce) == ("launching", 7, "n7")
    assert [(before, move.to) for before, move in change.moves] == [
        ("launching", State.RUNNING), ("running", State.FINISHING),
    ]  # fmt: skip


def test_an_end_with_a_meter_is_charged_what_the_meter_says() -> None:
    change = moved("running", Move(Event.ENDED, State.FINISHING), usage=METERED)
    assert change.deltas == {"slots:1": -1, "usd:1": 40 - 100, "tokens:1": 10 - 50}
    assert reserved(change.job) == (0, 0)


def test_a_silent_meter_is_charged_its_reservation_on_the_job_too() -> None:
    """Otherwise the next generation would reserve, and the report show, money that is gone."""
    change = moved("running", Move(Event.VANISHED, State.QUEUED, Reason.BACKOFF), cost_micros=5)
    assert change.deltas == {"slots:1": -1}
    assert (change.job.cost_micros, total_tokens(json.loads(change.job.usage or "{}"))) == (105, 50)


@pytest.mark.parametrize(
    "move",
    [
        Move(Event.ABSENT, State.QUEUED),
        Move(Event.REFUSED, State.QUEUED, Reason.BACKOFF),
        Move(Event.REFUSED, State.FAILED, Reason.PERMANENT),
        Move(Event.REFUSED, State.PARKED, Reason.AUTH),
        Move(Event.CANCELLED, State.CANCELLED, Reason.OPERATOR),
    ],
    ids=lambda move: f"{move.event}-{move.to}",
)
def test_what_was_never_launched_costs_nothing(move: Move) -> None:
    change = moved("launching", move)
    assert change.deltas == {"slots:1": -1, "usd:1": -100, "tokens:1": -50, "launches:1": -1}
    assert reserved(change.job) == (0, 0)
    assert change.job.cost_micros is None


def test_a_launch_in_doubt_that_goes_again_is_charged_in_full() -> None:
    change = moved("launching", Move(Event.UNKNOWABLE, State.QUEUED, Reason.BACKOFF))
    assert change.deltas == {"slots:1": -1}
    assert change.job.cost_micros == 100


@pytest.mark.parametrize(
    "move",
    [
        Move(Event.VANISHED, State.PARKED, Reason.LOST),
        Move(Event.NEEDS_INPUT, State.PARKED, Reason.NEEDS_INPUT),
        Move(Event.UNCONFIRMED, State.PARKED, Reason.CANCEL_UNCONFIRMED),
    ],
    ids=lambda move: str(move.event),
)
def test_a_parked_run_that_may_live_keeps_its_reservation_and_frees_its_slot(move: Move) -> None:
    change = moved("running", move, pool="p")
    assert change.deltas == {"slots:1": -1, "pool:p": -1}
    assert reserved(change.job) == (100, 50)


def test_a_run_that_ended_and_was_parked_is_settled() -> None:
    change = moved("running", Move(Event.JUDGED, State.PARKED, Reason.AUTH), usage=METERED)
    assert change.deltas == {"slots:1": -1, "usd:1": -60, "tokens:1": -40}
    assert reserved(change.job) == (0, 0)


@pytest.mark.parametrize("to", [State.SUCCEEDED, State.FAILED, State.QUEUED])
def test_a_persons_decision_about_a_parked_run_settles_it(to: State) -> None:
    change = moved("parked", Move(Event.RESOLVED, to))
    assert change.deltas == {}
    assert (change.job.cost_micros, *reserved(change.job)) == (100, 0, 0)


def test_a_parked_run_that_surfaces_is_settled_and_leaves_its_attempt() -> None:
    change = moved("parked", Move(Event.SURFACED, State.FAILED, Reason.TIMEOUT), usage=METERED)
    assert change.deltas == {"usd:1": -60, "tokens:1": -40}
    assert [(one.event, one.cost_micros) for one in change.endings] == [("surfaced", 40)]


def test_a_parked_run_that_goes_on_takes_its_slot_again_and_keeps_its_reservation() -> None:
    change = moved("parked", Move(Event.SURFACED, State.RUNNING), pool="p")
    assert change.deltas == {"slots:1": 1, "pool:p": 1}
    assert reserved(change.job) == (100, 50)
    assert not change.endings


def test_parking_and_going_on_leave_the_slots_as_they_were() -> None:
    change = moved(
        "running", Move(Event.NEEDS_INPUT, State.PARKED), Move(Event.SURFACED, State.RUNNING)
    )
    assert {name: delta for name, delta in change.deltas.items() if delta} == {}


def test_an_end_without_output_is_charged_once() -> None:
    """Two moves of one turn: it ended, and that end was judged for want of a result."""
    ended = Move(Event.ENDED, State.FINISHING)
    judged = Move(Event.JUDGED, State.FAILED, Reason.NO_OUTPUT)
    change = moved("running", ended, judged, usage=METERED)
    assert change.deltas == {"slots:1": -1, "usd:1": -60, "tokens:1": -40}
    assert [one.number for one in change.endings] == [1, 1]


def test_what_happens_in_finishing_costs_nothing_more() -> None:
    for to in (State.QUEUED, State.FAILED):
        change = moved("finishing", Move(Event.JUDGED, to), reserved_micros=0, reserved_tokens=0)
        assert change.deltas == {}
    assert moved("finishing", Move(Event.CANCELLED, State.CANCELLED)).deltas == {}


def test_an_attempt_remembers_the_run_it_was_not_the_next_one() -> None:
    changes = {"generation": 2, "handle": None}
    change = moved("running", Move(Event.JUDGED, State.QUEUED, None, changes), usage=METERED)
    (ending,) = change.endings
    assert (ending.handle, ending.generation, ending.cost_micros) == ("h", 1, 40)
    assert json.loads(ending.usage or "") == METERED.tokens
