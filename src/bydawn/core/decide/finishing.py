"""A run ended well by its own word. Collect, check, approve, publish; then it is a success.

``job.step`` records how far this has come, so that a successor goes on at the same place.
"""

from __future__ import annotations

from dataclasses import replace

from bydawn.core.backoff import retry_delay_ms
from bydawn.core.decide.judging import NO_FAILURE, cancelled_move, failure_columns, judged_move
from bydawn.core.decide.step import (
    Act,
    Broken,
    CheckEnded,
    CheckPending,
    Circumstances,
    Collected,
    CollectTrouble,
    Fact,
    Move,
    Published,
    PublishFenced,
    PublishTrouble,
    Step,
    Withheld,
    at_once,
)
from bydawn.core.model import Job, JobSpec
from bydawn.core.sightings import Failure, FailureClass, Outcome
from bydawn.core.states import Event, Reason, State
from bydawn.core.verdicts import Judgement, Verdict, judge

_LOOK_AT_CHECK_MS = 200
_PUBLISH_TRIES = 5
_COLLECT_TRIES = 10
_COLLECTED, _CHECKED, _APPROVED = "collected", "checked", "approved"
# The same for every job, and not made anew for each.
_SUCCEEDED = Move(Event.SUCCEEDED, State.SUCCEEDED, None, {**NO_FAILURE, "stopping": None})


def after_end(job: Job, ended: Move, outcome: Outcome, around: Circumstances) -> Step:
    """A good end: straight to success where nothing else was asked for."""
    if around.capabilities.wants_result and outcome.result is None:
        expect = around.spec.expect
        if not (expect and expect.allow_empty):
            return _no_output(job, ended, around)
    if around.spec.needs_finishing or around.capabilities.collects:
        return at_once(ended)
    return Step((ended, _SUCCEEDED))


def next_step(job: Job, around: Circumstances) -> Step:
    """The first thing that is not yet recorded as done. A draft that another machine had fetched is
    fetched again: the service still has it, and that machine may never come back."""
    step = _next_step(job, around)
    wants_draft = step.act in (Act.CHECK, Act.PUBLISH)
    return Step(act=Act.COLLECT) if wants_draft and around.is_draft_elsewhere else step


def _next_step(job: Job, around: Circumstances) -> Step:
    spec, step = around.spec, job.step or ""
    published = _published(step)
    if job.wish == "cancel" and not published:
        return Step(moves=(cancelled_move(job, {}),))
    if not step:
        return Step(act=Act.COLLECT)
    if step.startswith(_COLLECTED) and spec.check:
        return Step(act=Act.CHECK)
    if spec.approve and not (step.startswith(_APPROVED) or published):
        return _ask_approval(job)
    if published < len(spec.publish):
        return Step(act=Act.PUBLISH, argument=str(published))
    return Step(moves=(_SUCCEEDED,))


def is_bound_to_draft(job: Job) -> bool:
    """Whether only this very draft will do: a person approved it, or a target holds it already."""
    step = job.step or ""
    return step.startswith(_APPROVED) or _published(step) > 0


def learn(job: Job, fact: Fact, around: Circumstances) -> Step:
    if isinstance(fact, Collected):
        return _collected(job, fact, around)
    if isinstance(fact, CollectTrouble):
        return _not_collected(job, fact, around)
    if isinstance(fact, CheckPending):
        return Step(due_in_ms=_LOOK_AT_CHECK_MS)
    if isinstance(fact, CheckEnded):
        return _checked(job, fact, around)
    if isinstance(fact, Published):
        return _published_one(job, fact)
    if isinstance(fact, PublishTrouble):
        return _trouble(fact, around)
    if isinstance(fact, PublishFenced):
        return _fenced(job, fact, around)
    if isinstance(fact, Withheld):
        return _withheld(job, fact, around)
    if isinstance(fact, Broken):
        return _broken(job, fact, around)
    return Step(due_in_ms=_LOOK_AT_CHECK_MS)


def _no_output(job: Job, ended: Move, around: Circumstances) -> Step:
    failure = Failure(FailureClass.TRANSIENT, "no_output", "it ended well and gave no result")
    judged = judged_move(
        job, Event.JUDGED, judge(failure, around.spec, job.faults), failure, around
    )
    return Step(moves=(ended, judged))


def _collected(job: Job, fact: Collected, around: Circumstances) -> Step:
    if fact.failure is not None:
        return _not_to_be_had(job, fact.failure, around)
    step = f"{_COLLECTED}:{fact.draft_sha256 or ''}"
    if is_bound_to_draft(job):
        step = job.step or ""
        if draft_hash(step) not in ("", fact.draft_sha256):
            words = "fetched again by another machine, it is not what was approved or published"
            return _not_to_be_had(job, Failure(FailureClass.AMBIGUOUS, "lost", words), around)
    changes = {"step": step, **({"machine": fact.machine} if fact.machine else {})}
    return at_once(Move(Event.COLLECTED, State.FINISHING, None, changes))


def _not_to_be_had(job: Job, failure: Failure, around: Circumstances) -> Step:
    """Where only this very draft will do, no new run can bring it: a person decides."""
    if not is_bound_to_draft(job):
        return _refuse(job, failure, around)
    judgement = Judgement(Verdict.PARK, Reason.LOST)
    return Step(moves=(judged_move(job, Event.JUDGED, judgement, failure, around),))


def _not_collected(job: Job, fact: CollectTrouble, around: Circumstances) -> Step:
    """What was paid for is still there: fetch it again, without a new run, for a good while."""
    if around.tries >= _COLLECT_TRIES:
        failure = Failure(FailureClass.TRANSIENT, "unmet", f"collect: {fact.message}")
        return _not_to_be_had(job, failure, around)
    return Step(act=Act.COLLECT, due_in_ms=_wait_ms(around))


def _checked(job: Job, fact: CheckEnded, around: Circumstances) -> Step:
    if fact.failure is not None:
        return _refuse(job, fact.failure, around)
    step = f"{_CHECKED}:{fact.draft_sha256 or draft_hash(job.step)}"
    return at_once(Move(Event.CHECKED, State.FINISHING, None, {"step": step}))


def _refuse(job: Job, failure: Failure, around: Circumstances) -> Step:
    judgement = judge(failure, around.spec, job.faults)
    return Step(moves=(judged_move(job, Event.JUDGED, judgement, failure, around),))


def _ask_approval(job: Job) -> Step:
    sha256 = draft_hash(job.step)
    move = Move(
        Event.APPROVAL_ASKED, State.PARKED, Reason.AWAITING_APPROVAL, {}, {"draft_sha256": sha256}
    )
    return Step(moves=(move,))


def _published_one(job: Job, fact: Published) -> Step:
    done = _published(job.step or "") + 1
    detail = {"target": fact.target, "sha256": fact.sha256}
    changes = {"step": f"published:{draft_hash(job.step)}:{done}"}
    move = Move(Event.PUBLISHED, State.FINISHING, None, changes, detail)
    return at_once(move)


def _trouble(fact: PublishTrouble, around: Circumstances) -> Step:
    failure = Failure(FailureClass.TRANSIENT, "publish_failed", f"{fact.target}: {fact.message}")
    detail = {"target": fact.target, "message": fact.message}
    if fact.hopeless or around.tries >= _PUBLISH_TRIES:
        changes = failure_columns(failure)
        parked = Move(Event.PUBLISH_FAILED, State.PARKED, Reason.PUBLISH_FAILED, changes, detail)
        return Step(moves=(parked,))
    again = Move(Event.PUBLISH_FAILED, State.FINISHING, None, failure_columns(failure), detail)
    return Step(moves=(again,), due_in_ms=_wait_ms(around))


def _wait_ms(around: Circumstances) -> int:
    backoff = around.spec.backoff
    return retry_delay_ms(backoff.initial_ms, backoff.max_ms, around.tries, around.chance)


def _fenced(job: Job, fact: PublishFenced, around: Circumstances) -> Step:
    """An older edition, or a claim that was taken over, ends here. Where the job has gone to
    another runner, this move finds no row of ours and is dropped."""
    failure = Failure(FailureClass.PERMANENT, "fenced", fact.message)
    move = _given_up(job, Reason.FENCED, failure, around)
    return Step(moves=(replace(move, detail={"target": fact.target, "message": fact.message}),))


def _withheld(job: Job, fact: Withheld, around: Circumstances) -> Step:
    """The same draft can never leave, and nobody else may clean it: only a new run could."""
    return Step(moves=(_given_up(job, Reason.PERMANENT, fact.failure, around),))


def _given_up(job: Job, reason: Reason, failure: Failure, around: Circumstances) -> Move:
    judgement = Judgement(Verdict.GIVE_UP, reason)
    return judged_move(job, Event.PUBLISH_FAILED, judgement, failure, around)


def _broken(job: Job, fact: Broken, around: Circumstances) -> Step:
    if _published(job.step or "") or _is_publishing(job, around.spec):
        return _trouble(PublishTrouble("", fact.message), around)
    return _refuse(job, Failure(FailureClass.TRANSIENT, "unmet", fact.message), around)


def _is_publishing(job: Job, spec: JobSpec) -> bool:
    step = job.step or ""
    return bool(spec.publish) and bool(step) and not (spec.check and step.startswith(_COLLECTED))


def _published(step: str) -> int:
    return int(step.rpartition(":")[2]) if step.startswith("published:") else 0


def draft_hash(step: str | None) -> str:
    """The draft's hash as it was collected; empty where none was taken."""
    return (step or "::").split(":")[1]


def approved_step(step: str | None) -> str:
    """How far a job is once a person approved exactly the draft it was parked with."""
    return f"{_APPROVED}:{draft_hash(step)}"
