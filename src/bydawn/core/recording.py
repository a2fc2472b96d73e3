"""Apply moves to a job in memory and keep what the one guarded write will need.

Several moves of one turn become one write: the row as it finally is, guarded by what it was, with
one event per move.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field

from bydawn.core import counting
from bydawn.core.decide.step import Move
from bydawn.core.model import Job
from bydawn.core.sightings import Usage
from bydawn.core.states import SLOTTED, Event, State, assert_legal

_ENDS_ATTEMPT = frozenset(
    {Event.ENDED, Event.REFUSED, Event.UNKNOWABLE, Event.JUDGED, Event.STOPPED, Event.VANISHED}
)
_NOT_LAUNCHED = frozenset({Event.ABSENT, Event.REFUSED})
_OUT_OF_PARKED = frozenset({Event.SURFACED, Event.RESOLVED, Event.CANCELLED})


@dataclass(slots=True)
class Ending:
    """The attempt that a move ended, as it was before the job went on."""

    number: int
    event: str
    reason: str | None
    handle: str | None
    generation: int
    started_at: int | None
    ended_at: int | None
    exit_code: int | None
    usage: str | None
    cost_micros: int | None
    error_class: str | None
    error_code: str | None
    error_message: str | None
    prices: str | None = None
    container: str | None = None


@dataclass(slots=True)
class Change:
    """One job's moves of one turn. ``job`` is as it will be; ``before_*`` guard the write."""

    job: Job
    before_state: str
    before_token: int
    before_nonce: str
    moves: list[tuple[str, Move]] = field(default_factory=list)
    endings: list[Ending] = field(default_factory=list)
    deltas: dict[str, int] = field(default_factory=dict)


def begin(job: Job) -> Change:
    """Start recording; the guards are what the job is now."""
    return Change(job, job.state, job.token, job.nonce)


def apply(change: Change, move: Move, usage: Usage | None) -> None:
    """Carry one move out in memory. ``usage`` is what the meter said when a move ends it."""
    job = change.job
    # ``_value_`` is what ``.value`` looks up slowly; nothing runs oftener than this function.
    before, after = job.state, move.to._value_
    assert_legal(before, move.event, after)
    change.moves.append((before, move))
    held_as = job.handle, job.container
    generation, faults = job.generation, job.faults
    for name, value in move.changes.items():
        setattr(job, name, value)
    job.state = after
    job.reason = move.reason._value_ if move.reason else None
    if (before in SLOTTED) != (after in SLOTTED):
        _add(change.deltas, counting.slot_change(job, 1 if after in SLOTTED else -1))
    if move.event is Event.SUCCEEDED:
        _add(change.deltas, {counting.succeeded(job.batch): 1})
    elif job.faults > faults:
        _add(change.deltas, {counting.retries(job.batch): 1})
    if _ends_attempt(move, before):
        change.endings.append(_ending(job, move, held_as, generation, usage))
    if _settles(move, before, usage):
        _settle(change, None if _was_never_launched(move, before) else usage or Usage())


def _ends_attempt(move: Move, before: str) -> bool:
    """Whether this move says how the attempt came out, be it for the second time."""
    if before == State.PARKED:
        return move.event in _OUT_OF_PARKED and move.to is not State.RUNNING
    if move.event is Event.CANCELLED:
        return before == State.RUNNING
    return move.event in _ENDS_ATTEMPT


def _settles(move: Move, before: str, usage: Usage | None) -> bool:
    """A good end has settled before finishing begins. A parked job keeps its reservation as long as
    its run may still be spending: until its meter has spoken, or none was launched for certain."""
    if before == State.FINISHING:
        return False
    if _was_never_launched(move, before):
        return True
    if move.to is State.PARKED and usage is None:
        return False
    return _ends_attempt(move, before)


def _was_never_launched(move: Move, before: str) -> bool:
    if move.event is Event.CANCELLED:
        return before == State.LAUNCHING
    return move.event in _NOT_LAUNCHED


def _settle(change: Change, usage: Usage | None) -> None:
    job = change.job
    _add(change.deltas, counting.settlement(job, usage))
    if usage is not None:
        counting.remember_unmetered(job, usage)
    job.reserved_micros = job.reserved_tokens = 0


def _ending(
    job: Job,
    move: Move,
    held_as: tuple[str | None, str | None],
    generation: int,
    usage: Usage | None,
) -> Ending:
    return Ending(
        number=job.attempts,
        event=move.event.value,
        reason=job.reason,
        handle=held_as[0],
        generation=generation,
        started_at=job.started_at,
        ended_at=job.ended_at,
        exit_code=job.exit_code,
        usage=json.dumps(usage.tokens, sort_keys=True) if usage and usage.tokens else None,
        cost_micros=usage.cost_micros if usage else None,
        error_class=job.error_class,
        error_code=job.error_code,
        error_message=job.error_message,
        prices=usage.prices if usage else None,
        container=held_as[1],
    )


def _add(total: dict[str, int], deltas: dict[str, int]) -> None:
    for name, delta in deltas.items():
        total[name] = total.get(name, 0) + delta
