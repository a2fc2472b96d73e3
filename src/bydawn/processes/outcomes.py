"""From a supervisor's record to what the core understands."""

from __future__ import annotations

from typing import Any

from bydawn.core.sightings import Failure, FailureClass, Outcome
from bydawn.processes.report import Report

_MESSAGE_CAP = 300
_GIVE_UP = 100
# Why a run was called off that no supervisor could be had for: it is no wish of anybody's.
NO_SUPERVISOR = "no_supervisor"
# How long what this machine had no room for waits before it is tried again.
_ROOM_AGAIN_MS = 30_000


def outcome_of(record: dict[str, Any], report: Report) -> Outcome:
    """How a run ended; what it reported fills in what its end does not say."""
    result = record.get("result")
    return Outcome(
        failure=_failure(record),
        exit_code=_number(record.get("exit_code")),
        result=result if isinstance(result, str) else report.result,
        usage=report.usage,
        started_at=_number(record.get("started_at")),
        ended_at=_number(record.get("ended_at")),
        stopped=record.get("stopped") or None,
    )


def void_outcome(claim: dict[str, Any]) -> Outcome:
    """The end of a run that was called off before it ever started."""
    reason = str(claim["void"])
    at = _number(claim.get("at"))
    if reason == NO_SUPERVISOR:
        return Outcome(failure_told("held", "spawn", "no supervisor could be had"), ended_at=at)
    failure = Failure(FailureClass.TRANSIENT, reason, "called off before it started")
    return Outcome(failure=failure, ended_at=at, stopped=reason)


def failure_told(kind: str, code: str, message: str) -> Failure:
    """A failure in a supervisor's words."""
    found = FailureClass(kind)
    wait = _ROOM_AGAIN_MS if found is FailureClass.HELD else None
    return Failure(found, printable(code), printable(message), wait)


def printable(text: str) -> str:
    """One harmless line: no control or direction characters, bounded."""
    clean = "".join(c if c.isprintable() else " " for c in text)
    return " ".join(clean.split())[:_MESSAGE_CAP]


def _failure(record: dict[str, Any]) -> Failure | None:
    message = printable(str(record.get("message") or ""))
    if record.get("stopped"):
        return Failure(FailureClass.TRANSIENT, str(record["stopped"]), message)
    told = record.get("failure")
    if told:
        kind, code, said = (str(part) for part in told)
        return failure_told(kind, code, said)
    return _failure_of_exit(record, message)


def _failure_of_exit(record: dict[str, Any], message: str) -> Failure | None:
    code, signum = record.get("exit_code"), record.get("signal")
    if signum:
        return Failure(FailureClass.TRANSIENT, f"signal_{signum}", message)
    if code == 0:
        return None
    kind = FailureClass.PERMANENT if code == _GIVE_UP else FailureClass.TRANSIENT
    return Failure(kind, f"exit_{code}", message)


def _number(value: Any) -> int | None:
    return value if isinstance(value, int) else None
