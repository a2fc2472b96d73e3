"""Parked: a person is needed. Where a run may still live it stays watched, and may settle
itself."""

from __future__ import annotations

from dataclasses import replace

from bydawn.core.decide import running
from bydawn.core.decide.step import Act, Circumstances, Fact, Move, Step
from bydawn.core.model import Job
from bydawn.core.sightings import Alive, CancelAnswer, Ended, Vanished
from bydawn.core.states import Event, Reason, State


def next_step(job: Job, around: Circumstances) -> Step:
    """A parked run with a handle is looked at; without one there is nothing to look at."""
    if job.handle is None or job.step:
        return Step(moves=cancelled_unseen(job))
    if _must_end(job, around):
        return Step(act=Act.CANCEL, argument=job.stopping or running.OPERATOR)
    return Step(act=Act.POLL)


def cancelled_unseen(job: Job) -> tuple[Move, ...]:
    """A cancel of what cannot be looked at. One that was asked for before is not confirmed by
    knowing nothing of the run."""
    if job.wish != "cancel" or job.reason == Reason.IN_DOUBT:
        return ()
    return (Move(Event.CANCELLED, State.CANCELLED, Reason.OPERATOR),)


def learn(job: Job, fact: Fact, around: Circumstances) -> Step:
    if isinstance(fact, Ended):
        return _surface(running.settle(job, fact.outcome, around))
    if isinstance(fact, Vanished) and job.reason != Reason.LOST:
        return _surface(Step(moves=(running.lost(job, fact, around),)))
    past = _past_limit(job, fact, around)
    if past:
        return _end(job, past)
    if isinstance(fact, Alive) and job.reason == Reason.NEEDS_INPUT and not fact.needs_input:
        answered = Move(Event.SURFACED, State.RUNNING, None, {"error_message": None})
        return Step(moves=(answered,), due_in_ms=around.poll_initial_ms)
    if isinstance(fact, CancelAnswer):
        return Step(act=Act.POLL)
    return Step(due_in_ms=around.poll_max_ms)


def _must_end(job: Job, around: Circumstances) -> bool:
    wanted = job.wish == "cancel" or job.stopping is not None or around.halt is not None
    recently = around.asked_ms is not None and around.asked_ms < around.poll_max_ms
    return wanted and not recently


def _past_limit(job: Job, fact: Fact, around: Circumstances) -> str | None:
    """Waiting for a person lifts no limit of a run that lives."""
    if job.stopping or not isinstance(fact, Alive):
        return None
    return running.past_limit(job, fact.usage, around)


def _end(job: Job, why: str) -> Step:
    reason = Reason(job.reason) if job.reason else None
    asked = Move(Event.CANCEL_ASKED, State.PARKED, reason, {"stopping": why}, {"why": why})
    return Step(moves=(asked,), act=Act.CANCEL, argument=why)


def _surface(step: Step) -> Step:
    """The first move out of parked is told as what it is: a later sighting settled it."""
    first, *rest = step.moves
    if first.event is Event.CANCELLED:
        return step
    return replace(step, moves=(replace(first, event=Event.SURFACED), *rest))
