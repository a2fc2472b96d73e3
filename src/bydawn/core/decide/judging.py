"""From a verdict to a move: the columns a job carries into its next generation or its end."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from bydawn.core.backoff import retry_delay_ms
from bydawn.core.decide.step import Circumstances, Move
from bydawn.core.model import Job
from bydawn.core.putting_back import UNKNOWN_SINCE, was_put_back
from bydawn.core.sightings import Failure, Outcome, Usage
from bydawn.core.states import Event, Reason, State
from bydawn.core.verdicts import Judgement, Verdict

HOLD_MS = 900_000
# The step of a parked job whose run is known to have ended: there is nothing left to look at.
OVER = "ended:"
NO_FAILURE: dict[str, Any] = {"error_class": None, "error_code": None, "error_message": None}

_TARGET = {
    Verdict.RETRY: State.QUEUED,
    Verdict.HOLD: State.QUEUED,
    Verdict.GIVE_UP: State.FAILED,
    Verdict.PARK: State.PARKED,
}
_AT_ONCE = frozenset({Reason.DEADLINE, Reason.INTERRUPTED, Reason.BUDGET})


def judged_move(
    job: Job,
    event: Event,
    judgement: Judgement,
    failure: Failure | None,
    around: Circumstances,
) -> Move:
    """The move a judgement leads to, with everything the next generation needs."""
    if was_put_back(job):
        return _left_to_a_person(event, failure)
    judgement = _within_retry_budget(judgement, around)
    changes = failure_columns(failure)
    to = _TARGET[judgement.verdict]
    if to is State.QUEUED:
        changes.update(next_generation(job))
        changes["not_before"] = _not_before(job, judgement, failure, around)
        changes["faults"] = job.faults + (1 if judgement.counts else 0)
    elif to is State.FAILED:
        changes["ended_at"] = job.ended_at or around.now
        changes["stopping"] = None
    return Move(event, to, judgement.reason, changes, told(failure))


def cancelled_move(job: Job, changes: dict[str, Any]) -> Move:
    """A person's cancel, confirmed. Of what was put back a later run may live: they are asked."""
    if was_put_back(job):
        left = _left_to_a_person(Event.JUDGED, None)
        return replace(left, changes={**changes, **left.changes})
    return Move(Event.CANCELLED, State.CANCELLED, Reason.OPERATOR, changes)


def _left_to_a_person(event: Event, failure: Failure | None) -> Move:
    """However the run that is known has ended: one that was launched since may live."""
    known = failure.message if failure else "it is over"
    changes = {"error_message": f"{UNKNOWN_SINCE}; the run that is known: {known}"}
    if event is Event.VANISHED:
        return Move(event, State.PARKED, Reason.LOST, changes, told(failure))
    return Move(event, State.PARKED, Reason.IN_DOUBT, {**changes, "step": OVER}, told(failure))


def _within_retry_budget(judgement: Judgement, around: Circumstances) -> Judgement:
    """When the batch has spent its retries, nothing of it is tried again."""
    if judgement.counts and around.retries_left <= 0:
        return Judgement(Verdict.GIVE_UP, Reason.EXHAUSTED)
    return judgement


def next_generation(job: Job) -> dict[str, Any]:
    """A new launch of the same revision starts with nothing of the old run but its history."""
    return {
        "generation": job.generation + 1,
        "handle": None,
        "container": None,
        "step": None,
        "stopping": None,
        "runner": None,
        "deadline_at": None,
        "progress_at": None,
    }


def outcome_columns(job: Job, outcome: Outcome, now: int) -> dict[str, Any]:
    """What an ended attempt leaves on its job; usage and cost add up over the attempts."""
    columns: dict[str, Any] = {
        "ended_at": outcome.ended_at or now,
        "exit_code": outcome.exit_code,
        "result": outcome.result,
    }
    if outcome.started_at:
        columns["started_at"] = outcome.started_at
    _add_usage(columns, job, outcome.usage)
    return columns


def _add_usage(columns: dict[str, Any], job: Job, usage: Usage) -> None:
    """The job's running totals after one more attempt."""
    if usage.tokens:
        total: dict[str, int] = json.loads(job.usage) if job.usage else {}
        for name, count in usage.tokens.items():
            total[name] = total.get(name, 0) + count
        columns["usage"] = json.dumps(total, sort_keys=True)
    if usage.cost_micros is not None:
        columns["cost_micros"] = (job.cost_micros or 0) + usage.cost_micros
    if usage.prices is not None:
        columns["prices"] = usage.prices


def failure_columns(failure: Failure | None) -> dict[str, Any]:
    if failure is None:
        return {}
    return {
        "error_class": failure.kind.value,
        "error_code": failure.code,
        "error_message": failure.message,
    }


def _not_before(
    job: Job, judgement: Judgement, failure: Failure | None, around: Circumstances
) -> int:
    """Never earlier than the service asked for; 0 is at once."""
    if judgement.verdict is Verdict.HOLD and judgement.reason in _AT_ONCE:
        return 0
    asked = failure.retry_after_ms if failure else None
    if judgement.verdict is Verdict.HOLD:
        return around.now + (asked if asked is not None else HOLD_MS)
    backoff = around.spec.backoff
    delay = retry_delay_ms(backoff.initial_ms, backoff.max_ms, job.faults + 1, around.chance)
    return around.now + max(delay, asked or 0)


def told(failure: Failure | None) -> dict[str, Any] | None:
    """What an event says of a failure."""
    if failure is None:
        return None
    return {"class": failure.kind.value, "code": failure.code, "message": failure.message}
