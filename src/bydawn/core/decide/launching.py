"""A launch is intended. Either this runner makes it now, or a successor finds out what became of
it."""

from __future__ import annotations

from bydawn.core.decide.judging import judged_move
from bydawn.core.decide.running import settle
from bydawn.core.decide.step import LOOK_MS, Act, Broken, Circumstances, Fact, Move, Step, at_once
from bydawn.core.limits import attempt_deadline
from bydawn.core.model import Job
from bydawn.core.sightings import (
    Absent,
    Ended,
    Failure,
    FailureClass,
    Found,
    Guarantee,
    Launched,
    LaunchRefused,
    LaunchUnclear,
    Repeatable,
    Reserved,
    Unknown,
)
from bydawn.core.states import Event, Reason, State
from bydawn.core.verdicts import judge, judge_in_doubt

_FIND_AGAIN_MS = 1_000
# What every launch passes, looked up once: a name of an enumeration takes as long as a call.
_TWO_PHASE, _LAUNCHED, _RUNNING = Guarantee.TWO_PHASE, Event.LAUNCHED, State.RUNNING
_RESERVE, _LAUNCH = Step(act=Act.RESERVE), Step(act=Act.LAUNCH)


def next_step(job: Job, around: Circumstances) -> Step:
    """Launch what this runner just intended; find what anybody else did."""
    if not job.fresh:
        # Without a committed reservation nobody made the second call.
        if lacks_container(job, around):
            return Step(moves=(unlaunched(job),))
        return Step(act=Act.FIND)
    if _is_unwanted(job, around):
        return Step(moves=(unlaunched(job),))
    return _RESERVE if lacks_container(job, around) else _LAUNCH


def lacks_container(job: Job, around: Circumstances) -> bool:
    """Whether a two-phase launch has not come as far as its committed reservation."""
    return around.capabilities.guarantee is _TWO_PHASE and job.container is None


def learn(job: Job, fact: Fact, around: Circumstances) -> Step:
    if lacks_container(job, around):
        return _reserving(job, fact, around)
    return _launching(job, fact, around)


def _is_unwanted(job: Job, around: Circumstances) -> bool:
    return job.wish == "cancel" or around.halt is not None


def _reserving(job: Job, fact: Fact, around: Circumstances) -> Step:
    """The first of two calls. Whatever became of it, no run was started."""
    if isinstance(fact, Absent) or _is_unwanted(job, around):
        return Step(moves=(unlaunched(job),))
    if isinstance(fact, Reserved):
        kept = {"container": fact.container}
        reserved = Move(Event.RESERVED, State.LAUNCHING, None, kept, kept)
        return Step(moves=(reserved,), act=Act.LAUNCH)
    if isinstance(fact, LaunchRefused):
        return Step(moves=(_refused(job, fact.failure, around),))
    message = fact.detail if isinstance(fact, LaunchUnclear) else getattr(fact, "message", "")
    failure = Failure(FailureClass.TRANSIENT, "not_reserved", message)
    return Step(moves=(_refused(job, failure, around),))


def _launching(job: Job, fact: Fact, around: Circumstances) -> Step:
    if isinstance(fact, Repeatable):
        # Whatever people want by now: what may live is only reached through its handle.
        return Step(act=Act.REPEAT)
    if isinstance(fact, Launched):
        launched = _launched(job, _LAUNCHED, fact.handle, around)
        if isinstance(fact.sighting, Ended):
            return _ended(job, launched, fact.sighting, around)
        return at_once(launched)
    if isinstance(fact, Found):
        return at_once(_launched(job, Event.FOUND, fact.handle, around))
    if isinstance(fact, LaunchRefused):
        return Step(moves=(_refused(job, fact.failure, around),))
    if isinstance(fact, Absent):
        return _absent(job, around)
    if isinstance(fact, Unknown):
        return _unknown(job, fact.detail, around)
    if isinstance(fact, Broken) and _is_out_of_time(job, around):
        return _unknown(job, fact.message, around)
    if isinstance(fact, LaunchUnclear):
        return _unclear(job, fact, around)
    if isinstance(fact, Broken):
        return Step(act=Act.FIND, due_in_ms=_FIND_AGAIN_MS)
    return Step(due_in_ms=_FIND_AGAIN_MS)


def _ended(job: Job, launched: Move, end: Ended, around: Circumstances) -> Step:
    """The answer to the launch tells the end of the run too."""
    then = settle(job, end.outcome, around)
    return Step((launched, *then.moves), then.act, then.argument, then.due_in_ms, then.slack_ms)


def _unclear(job: Job, fact: LaunchUnclear, around: Circumstances) -> Step:
    """Look for it; what was launched again is asked about less often, and not for ever."""
    if around.sought_ms is None:
        return Step(act=Act.FIND, due_in_ms=_FIND_AGAIN_MS)
    if _is_out_of_time(job, around):
        return _unknown(job, fact.detail, around)
    return Step(act=Act.FIND, due_in_ms=max(LOOK_MS, fact.retry_after_ms or 0))


def _absent(job: Job, around: Circumstances) -> Step:
    """A listing shows a run only after the settle delay, counted from our first question to the
    one that was answered: not to the answer, which may have been heard late."""
    settle_ms = around.capabilities.settle_ms
    if around.sought_ms is not None and around.sought_ms < settle_ms:
        return Step(act=Act.FIND, due_in_ms=settle_ms - around.sought_ms)
    return Step(moves=(unlaunched(job),))


def _is_out_of_time(job: Job, around: Circumstances) -> bool:
    """A question that only ever breaks is asked as long as the run itself could have lasted."""
    intended = job.intended_at or 0
    return around.now >= attempt_deadline(intended, around.spec.limits.timeout_ms)


def _launched(job: Job, event: Event, handle: str, around: Circumstances) -> Move:
    started = job.intended_at or around.now
    changes = {
        "handle": handle,
        "started_at": started,
        "progress_at": around.now,
        "deadline_at": attempt_deadline(started, around.spec.limits.timeout_ms),
    }
    return Move(event, _RUNNING, None, changes)


def _refused(job: Job, failure: Failure, around: Circumstances) -> Move:
    return judged_move(job, Event.REFUSED, judge(failure, around.spec, job.faults), failure, around)


def unlaunched(job: Job) -> Move:
    """Proved that nothing was started: back to the queue, same generation, nothing used up."""
    if job.wish == "cancel":
        return Move(Event.CANCELLED, State.CANCELLED, Reason.OPERATOR)
    changes = {"runner": None, "handle": None, "not_before": 0, "attempts": job.attempts - 1}
    return Move(Event.ABSENT, State.QUEUED, None, changes)


def _unknown(job: Job, detail: str, around: Circumstances) -> Step:
    failure = Failure(FailureClass.AMBIGUOUS, "in_doubt", detail)
    is_local = around.capabilities.local or around.is_elsewhere
    judgement = judge_in_doubt(around.spec, job.faults, is_local)
    return Step(moves=(judged_move(job, Event.UNKNOWABLE, judgement, failure, around),))
