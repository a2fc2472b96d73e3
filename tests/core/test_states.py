"""The table is the law: every move in it advances a job, every other raises and changes nothing."""

from __future__ import annotations

import copy
import itertools

import pytest
from making import job

from bydawn.core.decide import Move
from bydawn.core.recording import apply, begin
from bydawn.core.states import (
    HELD,
    OPEN,
    SLOTTED,
    TABLE,
    TERMINAL,
    Event,
    IllegalMove,
    State,
    assert_legal,
    legal,
    shown,
)

LEGAL = {(row.from_state, row.event, to) for row in TABLE for to in row.to_states}
ALL = list(itertools.product(State, Event, State))


def test_no_move_is_listed_twice() -> None:
    pairs = [(row.from_state, row.event) for row in TABLE]
    assert len(pairs) == len(set(pairs))


@pytest.mark.parametrize("state", list(State))
def test_every_legal_move_advances_and_every_other_changes_nothing(state: State) -> None:
    for from_state, event, to in ALL:
        if from_state is not state:
            continue
        before = job(state.value)
        change = begin(copy.copy(before))
        move = Move(event, to)
        if (from_state, event, to) in LEGAL:
            assert legal(state, event, to)
            assert_legal(state, event, to)
            apply(change, move, None)
            assert change.job.state == to.value
            assert len(change.moves) == 1
        else:
            assert not legal(state, event, to)
            with pytest.raises(IllegalMove):
                apply(change, move, None)
            assert change.job == before
            assert not (change.moves)
            assert not (change.endings)
            assert not (change.deltas)


def test_states_are_divided_without_rest() -> None:
    assert set(State) == OPEN | TERMINAL
    assert not OPEN & TERMINAL
    assert SLOTTED <= HELD <= OPEN
    assert {State.QUEUED} == OPEN - HELD


@pytest.mark.parametrize("state", sorted(TERMINAL))
def test_only_a_person_leaves_a_terminal_state(state: State) -> None:
    """I6: terminal is final but for a person's audited act."""
    leaving = {event for from_state, event, to in LEGAL if from_state is state and to is not state}
    assert leaving == {Event.RETRIED}


def test_every_open_state_can_still_come_to_an_end() -> None:
    """I19: there is no state from which the table leads nowhere."""
    reached = set(TERMINAL)
    while True:
        more = {from_state for from_state, _, to in LEGAL if to in reached} - reached
        if not more:
            break
        reached |= more
    assert reached == set(State)


def test_every_event_and_state_is_used() -> None:
    assert {row.event for row in TABLE} == set(Event)
    assert {row.from_state for row in TABLE} == set(State)


def test_a_job_starts_only_through_an_intention() -> None:
    assert {event for from_state, event, to in LEGAL if to is State.LAUNCHING} == {
        Event.INTENDED, Event.CLAIMED, Event.RESERVED, Event.WISHED, Event.REVISED,
    }  # fmt: skip
    entering = {(f, e) for f, e, to in LEGAL if to is State.LAUNCHING and f is not to}
    assert entering == {(State.QUEUED, Event.INTENDED)}


@pytest.mark.parametrize(
    ("state", "word"),
    [("launching", "queued"), ("finishing", "running"), ("parked", "parked"), ("failed", "failed")],
)
def test_people_see_public_words(state: str, word: str) -> None:
    assert shown(state) == word
