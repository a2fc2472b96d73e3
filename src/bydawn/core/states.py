"""The life of a job, as one literal table. Nothing else in bydawn says which move is legal.

Two rules. A state says how far the work has come; *who* may move it is the claim (token and nonce)
and stands beside the state. And every ending that is not one of the three terminal states is a
*reason*, never a state of its own. docs/lifecycle.md is generated from the table below.
"""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple


class State(StrEnum):
    QUEUED = "queued"
    LAUNCHING = "launching"
    RUNNING = "running"
    FINISHING = "finishing"
    PARKED = "parked"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"


class Event(StrEnum):
    INTENDED = "intended"
    RESERVED = "reserved"
    LAUNCHED = "launched"
    FOUND = "found"
    ABSENT = "absent"
    REFUSED = "refused"
    UNKNOWABLE = "unknowable"
    ENDED = "ended"
    JUDGED = "judged"
    VANISHED = "vanished"
    STOPPED = "stopped"
    CANCEL_ASKED = "cancel_asked"
    UNCONFIRMED = "unconfirmed"
    NEEDS_INPUT = "needs_input"
    STALLING = "stalling"
    PROGRESSED = "progressed"
    COLLECTED = "collected"
    CHECKED = "checked"
    APPROVAL_ASKED = "approval_asked"
    APPROVED = "approved"
    PUBLISHED = "published"
    PUBLISH_FAILED = "publish_failed"
    SUCCEEDED = "succeeded"
    CANCELLED = "cancelled"
    RESOLVED = "resolved"
    SURFACED = "surfaced"
    RETRIED = "retried"
    CLAIMED = "claimed"
    WISHED = "wished"
    RELEASED = "released"
    REVISED = "revised"
    WITHDRAWN = "withdrawn"
    PUT_BACK = "put_back"


class Reason(StrEnum):
    """Why a job is where it is; the closed set that scripts may rely on."""

    ALREADY_DONE = "already_done"
    BACKOFF = "backoff"
    HELD = "held"
    BREAKER = "breaker"
    CANARY = "canary"
    DEPENDENCY = "dependency"
    PAUSED = "paused"
    WITHDRAWN = "withdrawn"
    CHANGED = "changed"
    DEADLINE = "deadline"
    BUDGET = "budget"
    TIMEOUT = "timeout"
    STALLED = "stalled"
    PERMANENT = "permanent"
    EXHAUSTED = "exhausted"
    UNMET = "unmet"
    NO_OUTPUT = "no_output"
    AUTH = "auth"
    IN_DOUBT = "in_doubt"
    NEEDS_INPUT = "needs_input"
    AWAITING_APPROVAL = "awaiting_approval"
    CANCEL_UNCONFIRMED = "cancel_unconfirmed"
    PUBLISH_FAILED = "publish_failed"
    OPERATOR = "operator"
    FENCED = "fenced"
    LOST = "lost"
    INTERRUPTED = "interrupted"


class Row(NamedTuple):
    """One line of the table: in ``from_state``, ``event`` leads to one of ``to_states``."""

    from_state: State
    event: Event
    to_states: tuple[State, ...]
    note: str


_Q, _L, _R, _F = State.QUEUED, State.LAUNCHING, State.RUNNING, State.FINISHING
_P, _S, _X, _C = State.PARKED, State.SUCCEEDED, State.FAILED, State.CANCELLED
_JUDGED = (_Q, _X, _P)

TABLE: tuple[Row, ...] = (
    Row(_Q, Event.INTENDED, (_L,), "committed before the backend is called; the payload is frozen"),
    Row(_Q, Event.RELEASED, (_Q,), "what it waited for is there"),
    Row(_Q, Event.REVISED, (_Q,), "the plan changed its payload before it was started"),
    Row(_Q, Event.WITHDRAWN, (_Q,), "the plan no longer lists it"),
    Row(_Q, Event.WISHED, (_Q,), "a person asked for something; recorded for whoever moves it"),
    Row(_Q, Event.CANCELLED, (_C,), "a person's cancel; nothing was running"),
    Row(_Q, Event.PUT_BACK, (_P,), "db recover: the store may not know of its launch"),
    Row(_L, Event.CLAIMED, (_L,), "another runner took over a lapsed claim"),
    Row(
        _L, Event.RESERVED, (_L,), "two-phase backends: the free container, before the second call"
    ),
    Row(_L, Event.LAUNCHED, (_R,), "the handle is recorded"),
    Row(_L, Event.FOUND, (_R,), "after a crash: the backend knows our launch key"),
    Row(_L, Event.ABSENT, (_Q,), "proved that nothing was started; same generation"),
    Row(_L, Event.REFUSED, _JUDGED, "definitely not started; judged"),
    Row(_L, Event.UNKNOWABLE, _JUDGED, "nobody can tell; as on_doubt says"),
    Row(_L, Event.STOPPED, _JUDGED, "we ended it before it was known to run"),
    Row(_L, Event.WISHED, (_L,), "a person asked for something"),
    Row(_L, Event.CANCELLED, (_C,), "a person's cancel, confirmed"),
    Row(_L, Event.PUT_BACK, (_P,), "db recover: a later generation may be alive"),
    Row(_R, Event.CLAIMED, (_R,), "another runner took over a lapsed claim"),
    Row(_R, Event.CANCEL_ASKED, (_R,), "we asked the run to end, and why"),
    Row(_R, Event.ENDED, (_F,), "ended ok: outcome and usage recorded"),
    Row(_R, Event.JUDGED, _JUDGED, "ended not ok: retry, give up, hold or park"),
    Row(_R, Event.VANISHED, _JUDGED, "the backend lost it"),
    Row(_R, Event.STOPPED, _JUDGED, "ended by our limit, deadline, budget or interrupt"),
    Row(_R, Event.NEEDS_INPUT, (_P,), "it waits for a human"),
    Row(_R, Event.STALLING, (_R,), "half its stall limit has passed without progress; shown"),
    Row(_R, Event.PROGRESSED, (_R,), "it makes progress again"),
    Row(_R, Event.UNCONFIRMED, (_P,), "asked to end and did not confirm; still watched"),
    Row(_R, Event.WISHED, (_R,), "a person asked for something"),
    Row(_R, Event.CANCELLED, (_C,), "a person's cancel, confirmed"),
    Row(_R, Event.PUT_BACK, (_P,), "db recover: still watched; only a good end settles it"),
    Row(_F, Event.CLAIMED, (_F,), "another runner took over a lapsed claim"),
    Row(_F, Event.COLLECTED, (_F,), "output fetched and declared evidence present"),
    Row(_F, Event.CHECKED, (_F,), "the plan's check accepted the draft"),
    Row(_F, Event.APPROVAL_ASKED, (_P,), "bound to the draft's hash"),
    Row(_F, Event.PUBLISHED, (_F,), "one target installed, with its receipt"),
    Row(_F, Event.PUBLISH_FAILED, (_F, _P, _X), "tried again here, or fenced; never a new run"),
    Row(_F, Event.JUDGED, _JUDGED, "the evidence was missing or the check refused it"),
    Row(_F, Event.SUCCEEDED, (_S,), "all evidence in, all targets installed"),
    Row(_F, Event.WISHED, (_F,), "a person asked for something"),
    Row(_F, Event.CANCELLED, (_C,), "a person's cancel before it was published"),
    Row(_F, Event.PUT_BACK, (_F,), "db recover: what its check refuses is left to a person"),
    Row(_P, Event.CLAIMED, (_P,), "a parked run that may live is still watched"),
    Row(_P, Event.CANCEL_ASKED, (_P,), "a parked run that lives came to its limit"),
    Row(_P, Event.SURFACED, (_R, _F, *_JUDGED), "a later sighting settles it"),
    Row(_P, Event.APPROVED, (_F,), "a person approved exactly this draft"),
    Row(_P, Event.RESOLVED, (_S, _X, _Q, _F), "a person decides, with a reason"),
    Row(_P, Event.WISHED, (_P,), "a person asked for something"),
    Row(_P, Event.CANCELLED, (_C,), "a person's cancel"),
    Row(_P, Event.PUT_BACK, (_P,), "db recover: still watched; only a good end settles it"),
    Row(_S, Event.RETRIED, (_Q,), "a person wants it done again: a new revision"),
    Row(_S, Event.REVISED, (_S,), "the plan changed under a finished job: shown as changed"),
    Row(_X, Event.RETRIED, (_Q,), "a person's retry: a new generation"),
    Row(_X, Event.REVISED, (_X,), "the plan changed under a failed job"),
    Row(_C, Event.RETRIED, (_Q,), "a person's retry: a new generation"),
    Row(_C, Event.REVISED, (_C,), "the plan changed under a cancelled job"),
    Row(_L, Event.REVISED, (_L,), "kept for the next generation"),
    Row(_R, Event.REVISED, (_R,), "kept for the next generation"),
    Row(_F, Event.REVISED, (_F,), "kept for the next generation"),
    Row(_P, Event.REVISED, (_P,), "kept for the next generation"),
)

TERMINAL = frozenset({_S, _X, _C})
OPEN = frozenset(set(State) - TERMINAL)
SLOTTED = frozenset({_L, _R})
HELD = frozenset({_L, _R, _F, _P})

_LEGAL: dict[tuple[str, str], frozenset[str]] = {
    (row.from_state.value, row.event.value): frozenset(state.value for state in row.to_states)
    for row in TABLE
}


class IllegalMove(Exception):
    """A move the table does not have: always a bug of ours, and nothing was changed."""


def legal(state: str, event: str, to: str) -> bool:
    """Whether the table has this move."""
    return to in _LEGAL.get((state, event), ())


def assert_legal(state: str, event: str, to: str) -> None:
    """Raise IllegalMove for a move the table does not have."""
    if to not in _LEGAL.get((state, event), ()):
        raise IllegalMove(f"{state} --{event}--> {to} is not in the table")


def shown(state: str) -> str:
    """The public word: launching shows as queued, finishing as running."""
    if state == State.LAUNCHING:
        return State.QUEUED.value
    if state == State.FINISHING:
        return State.RUNNING.value
    return str(state)
