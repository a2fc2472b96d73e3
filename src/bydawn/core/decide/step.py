"""What deciding speaks in: acts to carry out, moves to record, and the facts that come back."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from bydawn.core.model import JobSpec
from bydawn.core.sightings import (
    Absent,
    Alive,
    CancelAnswer,
    Capabilities,
    Ended,
    Failure,
    Found,
    Launched,
    LaunchRefused,
    LaunchUnclear,
    Repeatable,
    Reserved,
    Unknown,
    Vanished,
)
from bydawn.core.states import Event, Reason, State
from bydawn.core.values import value


class Act(StrEnum):
    """The short calls a runner makes for a job, one at a time."""

    NONE = "none"
    RESERVE = "reserve"
    LAUNCH = "launch"
    REPEAT = "repeat"
    FIND = "find"
    POLL = "poll"
    CANCEL = "cancel"
    COLLECT = "collect"
    CHECK = "check"
    PUBLISH = "publish"


@value
class Collected:
    """The output was fetched. ``failure`` names the evidence that is missing; ``machine`` is where
    the draft lies now."""

    failure: Failure | None = None
    draft_sha256: str | None = None
    machine: str | None = None


@value
class CollectTrouble:
    """The output could not be fetched just now; it is still there."""

    message: str


@value
class CheckPending:
    """The plan's check is still at work."""


@value
class CheckEnded:
    """The plan's check accepted the draft as it is now, or says why not."""

    failure: Failure | None = None
    draft_sha256: str | None = None


@value
class Published:
    """One target was installed (or already held this very content)."""

    target: str
    sha256: str


@value
class PublishTrouble:
    """One target could not be installed; ``hopeless`` when trying again cannot help."""

    target: str
    message: str
    hopeless: bool = False


@value
class Withheld:
    """What was to be published must not leave; no target was touched."""

    failure: Failure


@value
class PublishFenced:
    """The target has seen a newer claim; it was left as it was."""

    target: str
    message: str


@value
class Broken:
    """An act raised: a bug of a backend or of ours. It is never read as success."""

    message: str


LOOK_MS = 10_000
"""The longest time between two looks at a run, where its backend has no idea of its own."""

Fact = (
    Reserved
    | Launched
    | LaunchRefused
    | LaunchUnclear
    | Found
    | Absent
    | Repeatable
    | Unknown
    | Alive
    | Ended
    | Vanished
    | CancelAnswer
    | Collected
    | CollectTrouble
    | CheckPending
    | CheckEnded
    | Published
    | PublishTrouble
    | PublishFenced
    | Withheld
    | Broken
)


@value
class Move:
    """One transition to record: its event, where it leads, why, and the columns it changes."""

    event: Event
    to: State
    reason: Reason | None = None
    changes: dict[str, Any] = field(default_factory=dict)
    detail: dict[str, Any] | None = None


@value
class Step:
    """Moves to record, then one act; ``due_in_ms`` asks to be looked at again, which ``slack_ms``
    later would do as well."""

    moves: tuple[Move, ...] = ()
    act: Act = Act.NONE
    argument: str = ""
    due_in_ms: int | None = None
    slack_ms: int = 0


def at_once(*moves: Move) -> Step:
    """Moves to record; then the job is to be looked at again without waiting."""
    return Step(moves, Act.NONE, "", 0)


@dataclass(slots=True)
class Circumstances:
    """All that deciding needs to know beside the job itself.

    ``halt`` is set when everything of this batch must end (deadline, budget, interrupt, cancel);
    ``chance`` is a fresh random number in [0, 1). Lengths are measured on the clock that counts
    sleep: ``left_ms`` of the attempt's wall-clock limit, ``quiet_ms`` since the last sign of
    progress, ``spending_ms`` for which its meter has risen and nothing else moved (0: not so),
    ``asked_ms`` since we first asked the run to end (None: not by this process). ``looks`` counts
    polls of this attempt, ``tries`` cancels, collects or publishes tried in a row, ``sought_ms``
    how long after its first question about an unclear launch this process asked the newest one: an
    answer is as old as its question, however late it is heard. ``is_elsewhere``: it is a local run
    of another machine; ``is_draft_elsewhere``: a remote one, whose draft was fetched by another
    machine.
    """

    spec: JobSpec
    capabilities: Capabilities
    now: int
    chance: float
    halt: str | None = None
    looks: int = 0
    left_ms: int | None = None
    quiet_ms: int = 0
    asked_ms: int | None = None
    tries: int = 0
    retries_left: int = 1 << 30
    sought_ms: int | None = None
    is_elsewhere: bool = False
    is_draft_elsewhere: bool = False
    spending_ms: int = 0
    poll_initial_ms: int = 200
    poll_max_ms: int = LOOK_MS

    @property
    def unmoved_ms(self) -> int:
        """How long the run has shown nothing that counts as progress, spending aside."""
        return max(self.quiet_ms, self.spending_ms)
