"""The journal for programs: event/1 objects, and one logfmt line per run that ended."""

from __future__ import annotations

import json
from typing import Any

from bydawn.core.budgets import total_tokens
from bydawn.core.states import Event, State, shown
from bydawn.core.traces import span_id, trace_id
from bydawn.store import read
from bydawn.store.read import Attempt, EventRow
from bydawn.store.store import Store
from bydawn.watch.amounts import decimal, rfc3339
from bydawn.watch.sanitise import inert

_ENDINGS = frozenset(
    event.value
    for event in (
        Event.SUCCEEDED, Event.JUDGED, Event.STOPPED, Event.VANISHED, Event.REFUSED,
        Event.UNKNOWABLE, Event.SURFACED, Event.CANCELLED, Event.PUBLISH_FAILED,
    )
)  # fmt: skip
_GOES_ON = frozenset({State.RUNNING.value, State.FINISHING.value})
_NEVER_RAN = State.QUEUED.value


def event_document(event: EventRow) -> dict[str, Any]:
    """One event, as ``events --format json`` prints it."""
    return {
        "schema": "bydawn/event/1",
        "seq": event.seq,
        "ts": rfc3339(event.at),
        "event": event.kind,
        "batch": f"{event.plan}@{event.edition}" if event.edition else event.plan,
        "job": event.job,
        "job_id": f"j_{event.key[:12]}" if event.key else None,
        "key": event.key,
        "from": event.from_state,
        "to": event.to_state,
        "reason": event.reason,
        "token": event.token,
        "attempt": event.attempt,
        "trace_id": trace_id(event.key) if event.key else None,
        "span_id": None if event.token is None else span_id(event.token),
        "runner": event.runner,
        "detail": json.loads(event.detail) if event.detail else {},
    }


def is_end_of_run(event: EventRow) -> bool:
    """Whether this event closes an attempt: nothing more will be told of it."""
    if event.kind not in _ENDINGS or event.to_state in _GOES_ON or _may_be_published(event):
        return False
    return event.from_state != _NEVER_RAN


def _may_be_published(event: EventRow) -> bool:
    """Parked with its draft: a person may publish that without a new run."""
    return event.kind == Event.PUBLISH_FAILED.value and event.to_state == State.PARKED.value


def logfmt(store: Store, event: EventRow) -> str:
    """``ts= key= status= elapsed= units= …`` for an event that ends a run."""
    attempt = _attempt(store, event)
    fields: dict[str, Any] = {
        "ts": rfc3339(event.at),
        "key": event.key,
        "status": _ending(event),
        "elapsed": _elapsed(attempt),
        "units": _units(attempt),
        "batch": f"{event.plan}@{event.edition}" if event.edition else event.plan,
        "job": event.job,
        "attempt": event.attempt,
        "token": event.token,
        "reason": event.reason,
        "exit_code": attempt.exit_code if attempt else None,
        "cost_usd": decimal(attempt.cost_micros) if attempt else None,
        "trace_id": trace_id(event.key) if event.key else None,
    }
    return " ".join(f"{name}={_quoted(value)}" for name, value in fields.items())


def _attempt(store: Store, event: EventRow) -> Attempt | None:
    if event.job_number is None:
        return None
    found = read.attempts(store.session, event.job_number)
    return next((one for one in found if one.number == event.attempt), None)


def _ending(event: EventRow) -> str:
    """The public state it led to; a run that will be made again reads as retry."""
    return "retry" if event.to_state == State.QUEUED.value else shown(event.to_state or "")


def _elapsed(attempt: Attempt | None) -> str | None:
    if attempt is None or attempt.started_at is None or attempt.ended_at is None:
        return None
    return f"{max(0, attempt.ended_at - attempt.started_at) / 1000:.3f}"


def _units(attempt: Attempt | None) -> int | None:
    if attempt is None or attempt.usage is None:
        return None
    return total_tokens(json.loads(attempt.usage))


def _quoted(value: Any) -> str:
    """Bare where it can be, quoted where a reader of logfmt would stumble, empty when unknown."""
    if value is None:
        return ""
    text = inert(str(value))
    if text and not any(character in text for character in ' "='):
        return text
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
