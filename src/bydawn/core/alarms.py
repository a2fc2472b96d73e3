"""Which of a night's events a person is told of, once for each cause, and again while it waits.

Pure: events come in, what is due comes out. The same events always make the same causes, so a
sender that starts again knows which of them were sent before.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from bydawn.core.states import Reason, State

FAILED, PARKED, BUDGET, DEADLINE = "failed", "parked", "budget", "deadline"
STALLED, FENCED, RECOVERED, DIGEST = "stalled", "fenced", "recovered", "digest"
KINDS = (FAILED, PARKED, BUDGET, DEADLINE, STALLED, FENCED, RECOVERED, DIGEST)
# What is told where a plan does not say: everything that may want a person.
TOLD_OF = tuple(kind for kind in KINDS if kind != RECOVERED)

GROUPED_MS = 20_000
# A question nobody has answered is asked again, three times at most.
AGAIN_MS = (0, 3_600_000, 4 * 3_600_000, 12 * 3_600_000)
_MOST_JOBS = 1_000
_BY_REASON = {
    Reason.STALLED.value: STALLED,
    Reason.BUDGET.value: BUDGET,
    Reason.DEADLINE.value: DEADLINE,
    Reason.FENCED.value: FENCED,
}
_FAILED, _PARKED = State.FAILED.value, State.PARKED.value
_PERSONS_WORD = frozenset({"retried", "resolved", "approved"})


class Happened(NamedTuple):
    """An event as alarms see it; ``what`` tells failures of one reason apart."""

    at: int
    kind: str
    job: int | None
    from_state: str | None
    to_state: str | None
    reason: str | None
    what: str = ""


@dataclass(slots=True)
class Cause:
    """One thing that went wrong, however many jobs it befell."""

    name: str
    kind: str
    what: str
    first_at: int
    last_at: int
    count: int = 0
    jobs: list[int] = field(default_factory=list)


class Due(NamedTuple):
    """A cause to be told of, and for which time: 0 is the first."""

    cause: Cause
    level: int


class Alarms:
    """The causes of one batch. ``wanted`` are the kinds its plan asks for."""

    def __init__(self, wanted: Collection[str]) -> None:
        self._wanted = frozenset(wanted)
        self._causes: dict[str, Cause] = {}
        self._round = 0

    def learn(self, event: Happened) -> None:
        """Take in the next event. What a person decided begins a new round of causes."""
        if event.kind in _PERSONS_WORD:
            self._round += 1
            return
        kind = _kind_of(event)
        if kind is None or kind not in self._wanted:
            return
        what = event.what or event.reason or ""
        name = f"{kind}:{what}" + (f"#{self._round}" if self._round else "")
        cause = self._causes.get(name)
        if cause is None:
            cause = self._causes[name] = Cause(name, kind, what, event.at, event.at)
        cause.last_at = event.at
        cause.count += 1
        if event.job is not None and len(cause.jobs) < _MOST_JOBS and event.job not in cause.jobs:
            cause.jobs.append(event.job)

    def due(self, now: int, is_joined: bool, waiting: Collection[int]) -> Iterator[Due]:
        """What is to be told by now, again or for the first time; ``waiting`` are the jobs that
        are parked now."""
        for cause in self._causes.values():
            for level, pause in enumerate(AGAIN_MS):
                if level and not (cause.kind == PARKED and set(cause.jobs) & set(waiting)):
                    break
                grouped = 0 if is_joined else GROUPED_MS
                if now >= cause.first_at + (pause or grouped):
                    yield Due(cause, level)

    def expects(self, now: int, waiting: Collection[int]) -> bool:
        """Whether something will have to be said again, should nobody answer."""
        return any(
            cause.kind == PARKED
            and now < cause.first_at + AGAIN_MS[-1]
            and set(cause.jobs) & set(waiting)
            for cause in self._causes.values()
        )


def _kind_of(event: Happened) -> str | None:
    if event.kind == "fenced":
        return FENCED
    if event.kind == "claimed":
        return RECOVERED
    if event.job is None or event.from_state == event.to_state:
        return None
    if event.reason in _BY_REASON:
        return _BY_REASON[event.reason]
    if event.to_state == _PARKED:
        return PARKED
    return FAILED if event.to_state == _FAILED else None
