"""Apply moves to a job in memory and keep what the one guarded write will need.

Several moves of one turn become one write: the row as it finally is, guarded by what it was, with
one event per move.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from functools import lru_cache
from typing import NamedTuple

from bydawn.core import counting
from bydawn.core.decide.step import Move
from bydawn.core.model import Job
from bydawn.core.sightings import Usage
from bydawn.core.states import SLOTTED, Event, State, assert_legal

_ENDS_ATTEMPT = frozenset(
    {Event.ENDED, Event.REFUSED, Event.UNKNOWABLE, Event.JUDGED, Event.STOPPED, Event.VANISHED}
)
_SUCCEEDED = Event.SUCCEEDED
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
    job, event = change.job, move.event
    # ``_value_`` is what ``.value`` looks up slowly; nothing runs oftener than this function.
    before, after = job.state, move.to._value_
    slots, ends, was_never_launched, settles, settles_if_metered = _bearing(before, event, after)
    change.moves.append((before, move))
    held_as = (job.handle, job.container, job.generation) if ends else None
    faults = job.faults
    for name, value in move.changes.items():
        setattr(job, name, value)
    job.state = after
    job.reason = move.reason._value_ if move.reason else None
    if slots:
        _add(change.deltas, counting.slot_change(job, slots))
    if event is _SUCCEEDED:
        _add(change.deltas, {counting.succeeded(job.batch): 1})
    elif job.faults > faults:
        _add(change.deltas, {counting.retries(job.batch): 1})
    if held_as:
        change.endings.append(_ending(job, event, held_as, usage))
    if settles or (settles_if_metered and usage is not None):
        _settle(change, None if was_never_launched else usage or Usage())


class _Bearing(NamedTuple):
    """What a move means for slots, attempts and money, whatever the job."""

    slots: int
    ends_attempt: bool
    was_never_launched: bool
    settles: bool
    settles_if_metered: bool


@lru_cache(maxsize=512)
def _bearing(before: str, event: Event, after: str) -> _Bearing:
    """Worked out once for each line of the table: most moves of a night are the same few. Raises
    IllegalMove for a move the table does not have."""
    assert_legal(before, event, after)
    ends = _ends_attempt(before, event, after)
    never = _was_never_launched(before, event)
    # A good end has settled before finishing begins. A parked job keeps its reservation as long as
    # its run may still be spending: until its meter has spoken, or none was launched for certain.
    may_settle = before != State.FINISHING and (never or ends)
    waits = after == State.PARKED and not never
    slots = (after in SLOTTED) - (before in SLOTTED)
    return _Bearing(slots, ends, never, may_settle and not waits, may_settle)


def _ends_attempt(before: str, event: Event, after: str) -> bool:
    """Whether this move says how the attempt came out, be it for the second time."""
    if before == State.PARKED:
        return event in _OUT_OF_PARKED and after != State.RUNNING
    if event is Event.CANCELLED:
        return before == State.RUNNING
    return event in _ENDS_ATTEMPT


def _was_never_launched(before: str, event: Event) -> bool:
    if event is Event.CANCELLED:
        return before == State.LAUNCHING
    return event in _NOT_LAUNCHED


def _settle(change: Change, usage: Usage | None) -> None:
    job = change.job
    if usage is not None and counting.is_free(job, usage):
        return  # most jobs of a large batch
    _add(change.deltas, counting.settlement(job, usage))
    if usage is not None:
        counting.remember_unmetered(job, usage)
    job.reserved_micros = job.reserved_tokens = 0


def _ending(
    job: Job, event: Event, held_as: tuple[str | None, str | None, int], usage: Usage | None
) -> Ending:
    handle, container, generation = held_as
    meter = json.dumps(usage.tokens, sort_keys=True) if usage and usage.tokens else None
    # In the order of its fields: by name it would take five times as long to make.
    return Ending(
        job.attempts, event._value_, job.reason, handle, generation, job.started_at, job.ended_at,
        job.exit_code, meter, usage.cost_micros if usage else None, job.error_class, job.error_code,
        job.error_message, usage.prices if usage else None, container,
    )  # fmt: skip


def _add(total: dict[str, int], deltas: dict[str, int]) -> None:
    for name, delta in deltas.items():
        total[name] = total.get(name, 0) + delta
