"""A local run of another machine whose runner is gone: from here it can be neither seen nor ended.

Where a second run is safe a new generation starts here, and the old one is fenced when it wakes;
everywhere else a person decides. A runner of its own machine never comes here.
"""

from __future__ import annotations

from bydawn.core.decide import finishing, launching, parked, running
from bydawn.core.decide.judging import judged_move
from bydawn.core.decide.step import Act, Circumstances, Step
from bydawn.core.model import Job
from bydawn.core.sightings import Failure, FailureClass, Unknown, Vanished
from bydawn.core.states import Event, Reason, State
from bydawn.core.verdicts import Judgement, Verdict, judge_lost


def next_step(job: Job, around: Circumstances) -> Step:
    detail = f"it belongs to the machine {job.machine}, where no runner is left"
    if job.state == State.LAUNCHING.value:
        return launching.learn(job, Unknown(detail), around)
    if job.state == State.RUNNING.value:
        return Step(moves=(running.lost(job, Vanished(detail), around),))
    if job.state == State.FINISHING.value:
        return _finishing(job, detail, around)
    cancelled = parked.cancelled_unseen(job)
    return Step(moves=cancelled) if cancelled else Step(due_in_ms=around.poll_max_ms)


def _finishing(job: Job, detail: str, around: Circumstances) -> Step:
    """Its draft is there and not here; what needs none goes on as if it were here."""
    here = finishing.next_step(job, around)
    if here.act is Act.NONE:
        return here
    failure = Failure(FailureClass.AMBIGUOUS, "lost", detail)
    judgement = judge_lost(around.spec, job.faults)
    if finishing.is_bound_to_draft(job):
        judgement = Judgement(Verdict.PARK, Reason.LOST)
    return Step(moves=(judged_move(job, Event.JUDGED, judgement, failure, around),))
