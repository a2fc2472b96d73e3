"""A run exists somewhere. Look at it; end it when a limit says so; judge how it ended."""

from __future__ import annotations

import json

from bydawn.core.backoff import poll_delay_ms, poll_slack_ms
from bydawn.core.budgets import Amount, is_overrun, total_tokens
from bydawn.core.decide.finishing import after_end
from bydawn.core.decide.judging import (
    NO_FAILURE,
    OVER,
    cancelled_move,
    judged_move,
    outcome_columns,
)
from bydawn.core.decide.step import Act, Circumstances, Fact, Move, Step
from bydawn.core.limits import (
    is_overdue,
    is_stalled,
    is_stalling,
    patience_over,
    until_next_limit,
)
from bydawn.core.model import Job
from bydawn.core.putting_back import was_put_back
from bydawn.core.sightings import (
    Alive,
    Ended,
    Failure,
    FailureClass,
    Outcome,
    Usage,
    Vanished,
)
from bydawn.core.states import Event, Reason, State
from bydawn.core.verdicts import judge, judge_lost, judge_stopped

OPERATOR = "operator"
_CANCEL_AGAIN_MS = 2_000
_ENDED, _FINISHING = Event.ENDED, State.FINISHING


def next_step(job: Job, _around: Circumstances) -> Step:
    """A person's cancel is carried out at once; everything else begins with a look."""
    if job.wish == "cancel" and job.stopping is None:
        return ask_to_end(OPERATOR)
    return Step(act=Act.POLL)


def learn(job: Job, fact: Fact, around: Circumstances) -> Step:
    if isinstance(fact, Alive):
        return _alive(job, fact, around)
    if isinstance(fact, Ended):
        return settle(job, fact.outcome, around)
    if isinstance(fact, Vanished):
        return Step(moves=(lost(job, fact, around),))
    return _unseen(job, around)


def ask_to_end(reason: str) -> Step:
    """Record why, then ask; the answer is believed only when a look confirms it."""
    move = Move(Event.CANCEL_ASKED, State.RUNNING, None, {"stopping": reason}, {"why": reason})
    return Step(moves=(move,), act=Act.CANCEL, argument=reason)


def settle(job: Job, outcome: Outcome, around: Circumstances) -> Step:
    """The run is over: to finishing, to the next generation, or to its end."""
    columns = outcome_columns(job, outcome, around.now)
    if job.stopping == OPERATOR or job.wish == "cancel":
        return Step(moves=(cancelled_move(job, columns),))
    if outcome.failure is None:
        if not was_put_back(job):
            columns.update(NO_FAILURE)
        ended = Move(_ENDED, _FINISHING, None, columns)
        return after_end(job, ended, outcome, around)
    return Step(moves=(_judged(job, outcome, columns, around),))


def _judged(job: Job, outcome: Outcome, columns: dict[str, object], around: Circumstances) -> Move:
    failure = outcome.failure
    assert failure is not None
    stopped = outcome.stopped or job.stopping
    if stopped:
        judgement = judge_stopped(job.stopping or stopped, around.spec, job.faults)
        move = judged_move(job, Event.STOPPED, judgement, failure, around)
    else:
        judgement = judge(failure, around.spec, job.faults)
        move = judged_move(job, Event.JUDGED, judgement, failure, around)
    move.changes.update({name: columns[name] for name in columns if name != "ended_at"})
    move.changes["ended_at"] = columns["ended_at"]
    if move.to is State.PARKED:
        move.changes["step"] = OVER
    return move


def lost(job: Job, fact: Vanished, around: Circumstances) -> Move:
    failure = Failure(FailureClass.AMBIGUOUS, "lost", fact.detail)
    if job.stopping == OPERATOR or job.wish == "cancel":
        return cancelled_move(job, {"ended_at": around.now})
    if job.stopping:
        judgement = judge_stopped(job.stopping, around.spec, job.faults)
    else:
        judgement = judge_lost(around.spec, job.faults)
    return judged_move(job, Event.VANISHED, judgement, failure, around)


def _unseen(job: Job, around: Circumstances) -> Step:
    """Nothing was learnt about the run; its limits hold all the same."""
    if job.stopping:
        return _still_ending(job, around)
    reason = _why_end(job, Usage(), around)
    return ask_to_end(reason) if reason else Step(due_in_ms=_soon(around))


def _alive(job: Job, fact: Alive, around: Circumstances) -> Step:
    if job.stopping:
        return _still_ending(job, around)
    reason = _why_end(job, fact.usage, around)
    if reason:
        return ask_to_end(reason)
    if fact.needs_input:
        detail = {"question": fact.needs_input}
        changes = {"error_message": fact.needs_input}
        return Step(
            moves=(Move(Event.NEEDS_INPUT, State.PARKED, Reason.NEEDS_INPUT, changes, detail),),
            due_in_ms=around.poll_max_ms,
        )
    wanted, latest = _pace(fact, around), _latest(around)
    due_in_ms = min(wanted, latest)
    # A prompt look costs so little that nothing is won by waiting for others.
    slack_ms = 0 if around.capabilities.prompt else poll_slack_ms(wanted)
    slack_ms = min(slack_ms, latest - due_in_ms)
    return Step(moves=_noticed(job, around), due_in_ms=due_in_ms, slack_ms=slack_ms)


def _noticed(job: Job, around: Circumstances) -> tuple[Move, ...]:
    """A stall is shown from half its limit on, and taken back when the run goes on."""
    unmoved, limit = around.unmoved_ms, around.spec.limits.stall_ms
    is_shown = job.reason == Reason.STALLED
    if is_stalling(unmoved, limit) == is_shown:
        return ()
    if is_shown:
        return (Move(Event.PROGRESSED, State.RUNNING, None, {"progress_at": job.progress_at}),)
    detail = {"unmoved_ms": unmoved, "limit_ms": limit}
    changes = {"progress_at": around.now - unmoved}
    return (Move(Event.STALLING, State.RUNNING, Reason.STALLED, changes, detail),)


def past_limit(job: Job, usage: Usage, around: Circumstances) -> str | None:
    """The limit of the attempt or of the job that is up, whatever else may be going on."""
    if is_overdue(around.left_ms, around.spec.limits.grace_ms, around.capabilities.local):
        return "timeout"
    if is_overrun(around.spec.bound, spent(job), usage):
        return "budget"
    return None


def _why_end(job: Job, usage: Usage, around: Circumstances) -> str | None:
    """The first limit that is up; this look happened after it, so the run had its chance to end."""
    if job.wish == "cancel":
        return OPERATOR
    if around.halt:
        return OPERATOR if around.halt == "cancel" else around.halt
    past = past_limit(job, usage, around)
    if past:
        return past
    stall_ms = around.spec.limits.stall_ms
    if is_stalled(around.quiet_ms, stall_ms):
        return "stalled"
    return "spending" if is_stalled(around.spending_ms, stall_ms) else None


def _still_ending(job: Job, around: Circumstances) -> Step:
    asked_ms = around.asked_ms
    if asked_ms is not None and patience_over(asked_ms, around.spec.limits.grace_ms):
        move = Move(Event.UNCONFIRMED, State.PARKED, Reason.CANCEL_UNCONFIRMED)
        return Step(moves=(move,), due_in_ms=around.poll_max_ms)
    if asked_ms is None or asked_ms >= _CANCEL_AGAIN_MS * (around.tries + 1):
        return Step(act=Act.CANCEL, argument=job.stopping or OPERATOR)
    return Step(due_in_ms=_soon(around))


def spent(job: Job) -> Amount:
    """What the ended attempts of this job have cost."""
    tokens = total_tokens(json.loads(job.usage)) if job.usage else 0
    return Amount(job.cost_micros or 0, tokens)


def _pace(fact: Alive, around: Circumstances) -> int:
    """The backend's own idea, else a bounded backoff."""
    if fact.look_again_ms is not None:
        return fact.look_again_ms
    return poll_delay_ms(around.poll_initial_ms, around.poll_max_ms, around.looks, around.chance)


def _latest(around: Circumstances) -> int:
    """The next limit: no look is later."""
    limits = around.spec.limits
    return until_next_limit(
        around.left_ms, limits.grace_ms, around.capabilities.local, around.unmoved_ms,
        limits.stall_ms,
    )  # fmt: skip


def _soon(around: Circumstances) -> int:
    return around.poll_initial_ms
