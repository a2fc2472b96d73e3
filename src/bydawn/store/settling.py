"""The one guarded write: a job's new row, its events and its counters, or nothing of the three."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from bydawn.core.decide.step import Move
from bydawn.core.fingerprints import fingerprint
from bydawn.core.model import Job
from bydawn.core.recording import Change, Ending
from bydawn.core.states import TERMINAL, Event, Reason, State
from bydawn.core.values import value
from bydawn.store import breakers, counters
from bydawn.store.connect import Session
from bydawn.store.events import Told, encoded, tell
from bydawn.store.rows import NEVER, terms_from
from bydawn.store.turns import time_of_turn

_WRITTEN = (
    "state", "reason", "revision", "generation", "attempts", "faults", "not_before", "runner",
    "machine", "handle", "step", "stopping", "intended_at", "started_at", "ended_at", "deadline_at",
    "progress_at", "exit_code", "result", "usage", "cost_micros", "error_class", "error_code",
    "error_message", "reserved_micros", "reserved_tokens", "prices", "container",
)  # fmt: skip

_UPDATE = f"""
UPDATE job SET {", ".join(f"{name} = ?" for name in _WRITTEN)},
    wish = CASE WHEN ? = 1 THEN NULL ELSE wish END
WHERE number = ? AND state = ? AND token = ? AND nonce = ?"""

_STAY_WITHDRAWN = """
UPDATE job SET reason = 'withdrawn', not_before = ?
WHERE number = ? AND state = 'queued' AND withdrawn = 1"""
_QUEUED, _SUCCEEDED = State.QUEUED.value, State.SUCCEEDED.value

_MOVED = """
UPDATE job SET progress_at = ?
WHERE number = ? AND state = 'running' AND token = ? AND nonce = ?"""

_ATTEMPT = """
INSERT INTO attempt (job, number, revision, generation, token, machine, handle, intended_at,
    started_at, ended_at, event, reason, exit_code, usage, cost_micros, error_class, error_code,
    error_message, prices, container)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (job, number) DO UPDATE SET ended_at = excluded.ended_at, event = excluded.event,
    reason = excluded.reason, exit_code = excluded.exit_code, error_class = excluded.error_class,
    error_code = excluded.error_code, error_message = excluded.error_message"""

_RECEIPT = """
INSERT INTO receipt (job, revision, target, sha256, token, at) VALUES (?, ?, ?, ?, ?, ?)
ON CONFLICT (job, revision, target) DO UPDATE SET sha256 = excluded.sha256,
    token = excluded.token, at = excluded.at"""

_JUDGED = frozenset({Event.JUDGED, Event.REFUSED, Event.STOPPED})
_TERMINAL_VALUES = frozenset(state.value for state in TERMINAL)


@value
class Progressed:
    """A run that was seen to move, under the claim that saw it."""

    number: int
    token: int
    nonce: str
    at: int


Settled = Callable[[], set[int]]
"""Does what had to wait for the turn and for answers; the numbers of the changes that were
fenced."""
Settling = Callable[[Session, Sequence[Change], str], Settled]
"""Writes all changes inside the caller's transaction, who may send more before it is settled."""


def note_progress(session: Session, moved: Sequence[Progressed]) -> None:
    """When runs were last seen to move: for people to see, and for whoever takes over. No event."""
    session.send_many(_MOVED, ((one.at, one.number, one.token, one.nonce) for one in moved))


def rows_ready(session: Session, changes: Sequence[Change]) -> Callable[[], None]:
    """What sends the rows of all changes; to be made before the turn to write is asked for."""
    rows = session.sending_all(_UPDATE, (_values(change) for change in changes))
    attempts = session.sending_all(_ATTEMPT, _attempt_rows(changes))

    def send() -> None:
        rows()
        attempts()

    return send


def settle_all(
    send_rows: Callable[[], None], session: Session, changes: Sequence[Change], runner: str
) -> Settled:
    """One statement for all; the transaction is Unmatched where somebody else holds one of them."""
    if not changes:
        return set
    send_rows()
    finish = _tell_of(session, changes, runner)

    def settled() -> set[int]:
        finish()
        return set()

    return settled


def settle_singly(session: Session, changes: Sequence[Change], runner: str) -> Settled:
    """One by one, so that only those are left out that somebody else holds."""
    kept = [change for change in changes if session.change(_UPDATE, _values(change)) == 1]
    session.send_many(_ATTEMPT, _attempt_rows(kept))
    _tell_of(session, kept, runner)()
    fenced = {change.job.number for change in changes} - {change.job.number for change in kept}
    refuse(session, [one for one in changes if one.job.number in fenced], runner)
    return lambda: fenced


def refuse(session: Session, changes: Sequence[Change], runner: str) -> None:
    """Count and tell writes that came too late; nothing of them is kept."""
    now = time_of_turn(session)
    for change in changes:
        _count_fenced(session, change, runner, now)


def _count_fenced(session: Session, change: Change, runner: str, now: int) -> None:
    job = change.job
    session.change("UPDATE batch SET fenced = fenced + 1 WHERE number = ?", (job.batch,))
    detail = encoded({"event": str(change.moves[0][1].event), "state": change.before_state})
    refused = Told(
        now, job.batch, job.number, "fenced", token=change.before_token, runner=runner,
        attempt=job.attempts, detail=detail,
    )  # fmt: skip
    tell(session, [refused])


def _values(change: Change) -> tuple[Any, ...]:
    job = change.job
    return (
        job.state, job.reason, job.revision, job.generation, job.attempts, job.faults,
        job.not_before, job.runner, job.machine, job.handle, job.step, job.stopping,
        job.intended_at, job.started_at, job.ended_at, job.deadline_at, job.progress_at,
        job.exit_code, job.result, job.usage, job.cost_micros, job.error_class, job.error_code,
        job.error_message, job.reserved_micros, job.reserved_tokens, job.prices,
        job.container,
        1 if job.state in _TERMINAL_VALUES else 0,
        job.number, change.before_state, change.before_token, change.before_nonce,
    )  # fmt: skip


def _tell_of(session: Session, changes: Sequence[Change], runner: str) -> Callable[[], None]:
    """Beside the rows; what it returns is called when answers may be waited for."""
    deltas: dict[str, int] = {}
    for change in changes:
        for name, delta in change.deltas.items():
            deltas[name] = deltas.get(name, 0) + delta
    queued = [change.job.number for change in changes if change.job.state == _QUEUED]
    session.send_many(_STAY_WITHDRAWN, ((NEVER, number) for number in queued))
    counters.move(session, deltas)
    succeeded = {(one.job.batch, one.job.backend) for one in changes if one.job.state == _SUCCEEDED}
    close = breakers.closing(session, succeeded)
    notable = _notable(changes)
    failed = [found for job, move in notable for found in _failures(job, move)]

    def finish() -> None:
        now = time_of_turn(session)
        tell(session, _told(changes, runner, now))
        _record_receipts(session, notable, now)
        _count_refused_writes(session, notable)
        close(now)
        breakers.count(session, failed, _threshold_reader(session), now)

    if not failed:
        return finish
    finish()  # a breaker that opens answers what is asked for next
    return _nothing


def _notable(changes: Sequence[Change]) -> list[tuple[Job, Move]]:
    """The few moves that say more than that all goes well."""
    return [
        (change.job, move)
        for change in changes
        for _, move in change.moves
        if move.reason or move.detail or move.changes.get("error_code")
    ]


def _nothing() -> None:
    """Nothing is left to be done."""


def _failures(job: Job, move: Move) -> Iterator[breakers.Failed]:
    code = move.changes.get("error_code")
    if move.event in _JUDGED and code and move.changes.get("error_class") != "held":
        text = fingerprint(code, move.changes.get("error_message") or "")
        yield breakers.Failed(job.batch, job.backend, text, job.number)


def _threshold_reader(session: Session) -> Callable[[int], int]:
    def threshold(batch: int) -> int:
        row = session.row("SELECT terms FROM batch WHERE number = ?", (batch,))
        return terms_from(row[0]).breaker if row else 0

    return threshold


def _told(changes: Sequence[Change], runner: str, now: int) -> list[tuple[Any, ...]]:
    """What ``Told`` holds, in its order."""
    told: list[tuple[Any, ...]] = []
    for change in changes:
        job = change.job
        for from_state, move in change.moves:
            reason = move.reason._value_ if move.reason else None
            detail = encoded(move.detail) if move.detail else None
            told.append((
                now, job.batch, job.number, move.event._value_, from_state, move.to._value_, reason,
                job.token, job.attempts, runner, detail,
            ))  # fmt: skip
    return told


def _record_receipts(session: Session, notable: list[tuple[Job, Move]], now: int) -> None:
    newest = {
        (job.number, job.revision, move.detail["target"]): (move.detail["sha256"], job.token, now)
        for job, move in notable
        if move.event is Event.PUBLISHED and move.detail
    }
    session.send_many(_RECEIPT, ((*place, *what) for place, what in newest.items()))


def _count_refused_writes(session: Session, notable: list[tuple[Job, Move]]) -> None:
    """A target had seen a newer claim: one more write that a fence kept out."""
    for job, move in notable:
        if move.reason is Reason.FENCED:
            session.change("UPDATE batch SET fenced = fenced + 1 WHERE number = ?", (job.batch,))


def _attempt_rows(changes: Sequence[Change]) -> list[tuple[Any, ...]]:
    return [_attempt_row(one.job, ending) for one in changes for ending in one.endings]


def _attempt_row(job: Job, ending: Ending) -> tuple[Any, ...]:
    return (
        job.number, ending.number, job.revision, ending.generation, job.token, job.machine,
        ending.handle, job.intended_at, ending.started_at, ending.ended_at, ending.event,
        ending.reason, ending.exit_code, ending.usage, ending.cost_micros, ending.error_class,
        ending.error_code, ending.error_message, ending.prices, ending.container,
    )  # fmt: skip
