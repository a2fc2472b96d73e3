"""What a person may do to a job or a batch, guarded exactly like a runner: by state, token and
nonce.

Each is the whole of one write transaction of the caller. A decision takes a new token, so a runner
that still believes it holds the job is fenced at its next write. Where a run may live, a wish is
left for whoever watches it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from bydawn.core.decide import Move
from bydawn.core.decide.finishing import approved_step
from bydawn.core.errors import Refused
from bydawn.core.living import run_may_live
from bydawn.core.model import Job
from bydawn.core.putting_back import MARKED
from bydawn.core.recording import Change, apply, begin
from bydawn.core.sightings import Usage
from bydawn.core.states import TERMINAL, Event, Reason, State
from bydawn.store import counters
from bydawn.store.connect import Session
from bydawn.store.dependencies import release, templates
from bydawn.store.events import Told, encoded, tell
from bydawn.store.rows import JOB_COLUMNS, job_from
from bydawn.store.settling import settle_singly

PERSON = "person"

_JOB = f"SELECT {JOB_COLUMNS} FROM job WHERE number = ?"
_SEIZE = """
UPDATE job SET token = ?, nonce = ?, runner = NULL
WHERE number = ? AND state = ? AND token = ? AND nonce = ?"""
_WISH = "UPDATE job SET wish = ? WHERE number = ? AND state = ? AND token = ?"
_OVERTAKE = "UPDATE job SET wish = NULL WHERE number = ?"
_REOPEN = "UPDATE batch SET closed_at = NULL WHERE number = ?"
_PAUSE = "UPDATE batch SET paused = ? WHERE number = ? AND paused <> ?"

Nonce = Callable[[], str]


def cancel(session: Session, number: int, nonce: Nonce) -> bool:
    """End a job, or leave the wish for whoever watches its run; False when it was over already."""
    job = _job(session, number)
    if State(job.state) in TERMINAL:
        return False
    if run_may_live(job):
        _wish(session, job)
        return True
    _decide(session, job, nonce, Move(Event.CANCELLED, State.CANCELLED, Reason.OPERATOR), None)
    return True


def cancel_queued(session: Session, number: int, nonce: Nonce) -> bool:
    """Cancel a job that went back to the queue with the wish still on it; False when it did not."""
    job = _job(session, number)
    if job.state != State.QUEUED.value or job.wish != "cancel":
        return False
    _decide(session, job, nonce, Move(Event.CANCELLED, State.CANCELLED, Reason.OPERATOR), None)
    return True


def retry(session: Session, number: int, nonce: Nonce) -> bool:
    """Start a finished job again; a succeeded one under a new revision. False when it is open."""
    job = _job(session, number)
    if State(job.state) not in TERMINAL:
        return False
    _decide(session, job, nonce, Move(Event.RETRIED, State.QUEUED, None, _again(job)), None)
    return True


def resolve(session: Session, number: int, answer: str, why: str, nonce: Nonce) -> str:
    """A person's decision about a parked job; the state it leads to."""
    job = _job(session, number)
    if job.state != State.PARKED.value:
        raise Refused(
            f"{job.name} is not parked but {job.state}", "bydawn show tells where it stands"
        )
    _decide(session, job, nonce, _resolution(job, answer, session.clock.utc_ms()), why)
    return job.state


def put_back(session: Session, number: int, nonce: Nonce) -> None:
    """Leave a job to a person, because the store was put back to an older state. A run that is
    known stays watched, one that is over is finished; only a good end settles the job by itself."""
    job = _job(session, number)
    if job.state == State.FINISHING.value:
        _record(session, job, nonce, Move(Event.PUT_BACK, State.FINISHING, None, MARKED))
        return
    was = job.reason if job.state == State.PARKED.value else None
    reason = Reason(was) if was else Reason.IN_DOUBT
    # What is parked makes nothing else ready.
    _record(session, job, nonce, Move(Event.PUT_BACK, State.PARKED, reason, MARKED))


def pause(session: Session, batch: int, paused: bool) -> bool:
    """Start nothing new in a batch, or lift that; False when it was so already."""
    if not session.change(_PAUSE, (int(paused), batch, int(paused))):
        return False
    kind = "paused" if paused else "unpaused"
    tell(session, [Told(session.clock.utc_ms(), batch, None, kind, runner=PERSON)])
    return True


def _job(session: Session, number: int) -> Job:
    row = session.row(_JOB, (number,))
    assert row is not None, "addresses are resolved before a job is acted on"
    return job_from(row)


def _wish(session: Session, job: Job) -> None:
    session.change(_WISH, ("cancel", job.number, job.state, job.token))
    told = Told(
        session.clock.utc_ms(), job.batch, job.number, Event.WISHED.value, job.state, job.state,
        job.reason, job.token, job.attempts, PERSON, encoded({"wish": "cancel"}),
    )  # fmt: skip
    tell(session, [told])


def _decide(session: Session, job: Job, nonce: Nonce, move: Move, why: str | None) -> None:
    """A person's decision, told with their reason, and what it makes ready. What was asked before
    is overtaken by it."""
    _record(session, job, nonce, _explained(move, why))
    session.change(_OVERTAKE, (job.number,))
    release(session, job.batch, templates(session, job.batch), session.clock.utc_ms())


def _record(session: Session, job: Job, nonce: Nonce, move: Move) -> None:
    """One guarded move under a new token."""
    guard = (job.number, job.state, job.token, job.nonce)
    job.token, job.nonce = counters.take_tokens(session, 1), nonce()
    if session.change(_SEIZE, (job.token, job.nonce, *guard)) != 1:
        raise Refused(f"{job.name} moved at this very moment", "look again, then repeat")
    if State(move.to) not in TERMINAL:
        session.change(_REOPEN, (job.batch,))
    change: Change = begin(job)
    apply(change, move, Usage() if job.reserved_micros else None)
    job.runner = None
    settle_singly(session, [change], PERSON)()


def _explained(move: Move, why: str | None) -> Move:
    if why is None:
        return move
    return Move(move.event, move.to, move.reason, move.changes, {"reason": why})


def _again(job: Job) -> dict[str, Any]:
    changes = {**_fresh_start(job), "faults": 0}
    if job.state == State.SUCCEEDED.value:
        changes["revision"] = job.revision + 1
    return changes


def _fresh_start(job: Job) -> dict[str, Any]:
    return {
        "generation": job.generation + 1,
        "not_before": 0,
        "handle": None,
        "container": None,
        "step": None,
        "stopping": None,
        "deadline_at": None,
        "progress_at": None,
        "error_class": None,
        "error_code": None,
        "error_message": None,
    }


def _resolution(job: Job, answer: str, now: int) -> Move:
    if answer == "approve":
        return _approval(job)
    if answer == "retry":
        return _retry_parked(job)
    ended = {"ended_at": job.ended_at or now}
    if answer == "succeeded":
        cleared = {"error_class": None, "error_code": None, "error_message": None}
        return Move(Event.RESOLVED, State.SUCCEEDED, None, {**ended, **cleared})
    return Move(Event.RESOLVED, State.FAILED, Reason.OPERATOR, ended)


def _approval(job: Job) -> Move:
    if job.reason != Reason.AWAITING_APPROVAL.value:
        raise Refused(
            f"{job.name} does not wait for an approval ({job.reason})",
            "use --as succeeded, failed or retry",
        )
    return Move(Event.APPROVED, State.FINISHING, None, {"step": approved_step(job.step)})


def _retry_parked(job: Job) -> Move:
    """A failed publish is published again without a new run; everything else starts afresh."""
    if job.reason == Reason.PUBLISH_FAILED.value:
        return Move(Event.RESOLVED, State.FINISHING, None, {})
    return Move(Event.RESOLVED, State.QUEUED, None, {**_fresh_start(job), "faults": 0})
