"""A night as spans, told from its journal: each job is a trace, its attempts are spans in it under
the ids their runs were given in TRACEPARENT, and what was done for an attempt lies below it. The
batch is a span of its own; every job points to it.

A batch of ten thousand items would be one trace no viewer opens, and a run that writes spans itself
must find its parent: therefore a trace for each job.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from bydawn.core.join import Joined
from bydawn.core.keys import digest
from bydawn.core.states import TERMINAL, Event
from bydawn.core.traces import span_id, trace_id
from bydawn.core.values import value
from bydawn.store import read
from bydawn.store.read import Attempt, EventRow
from bydawn.store.store import Batch, Store
from bydawn.watch import genai
from bydawn.watch.amounts import decimal
from bydawn.watch.feed import Feed
from bydawn.watch.journal import is_end_of_run

_TERMINAL = frozenset(state.value for state in TERMINAL)
_ACTIONS = {
    Event.LAUNCHED.value: "launch",
    Event.FOUND.value: "find",
    Event.ABSENT.value: "find",
    Event.REFUSED.value: "launch",
    Event.UNKNOWABLE.value: "launch",
    Event.ENDED.value: "run",
    Event.JUDGED.value: "run",
    Event.VANISHED.value: "run",
    Event.STOPPED.value: "run",
    Event.COLLECTED.value: "collect",
    Event.CHECKED.value: "check",
    Event.APPROVED.value: "approval",
    Event.PUBLISHED.value: "publish",
    Event.PUBLISH_FAILED.value: "publish",
    Event.CLAIMED.value: "take over",
    Event.CANCELLED.value: "cancel",
    Event.RESOLVED.value: "decision",
}
_BAD = frozenset({"failed", "parked"})


@value
class SpanId:
    """A place in a trace, in hexadecimal digits."""

    trace: str
    span: str


@value
class Span:
    """One stretch of time that a viewer of traces shows."""

    name: str
    id: SpanId
    started_at: int
    ended_at: int
    attributes: dict[str, Any]
    parent: SpanId | None = None
    links: tuple[SpanId, ...] = ()
    error: str | None = None


@dataclass(slots=True)
class _Attempt:
    """An attempt that is under way."""

    id: SpanId
    began_at: int
    step_at: int
    steps: int = 0


@value
class _Round:
    """A job from its first attempt to its end; one that is retried by a person has another."""

    id: SpanId
    began_at: int


class Tracer:
    """Makes the spans of one batch. ``shows_prompts``: whoever asked for them sees them."""

    def __init__(self, store: Store, batch: Batch, shows_prompts: bool = False) -> None:
        self.store, self.batch, self.shows_prompts = store, batch, shows_prompts
        self._feed = Feed(store, batch.number)
        self._rounds: dict[int, _Round] = {}
        self._attempts: dict[int, _Attempt] = {}
        self._last_at = batch.opened_at

    def spans(self, joined: Joined, now: int) -> Iterator[Span]:
        """All that has ended, and the batch last. Memory depends on what is in flight."""
        for _, ended in self.ended():
            yield from ended
        yield batch_span(self.batch, joined, self.batch.closed_at or max(self._last_at, now))

    def ended(self) -> Iterator[tuple[int, list[Span]]]:
        """What has ended since this was last read to its end, by the place in the journal where it
        did. The same journal gives the same spans at the same places, whoever reads it."""
        for event in self._feed.fresh():
            self._last_at = max(self._last_at, event.at)
            if event.job_number is not None and event.key:
                found = list(self._spans_of(event, event.job_number, event.key))
                if found:
                    yield event.seq, found

    def _spans_of(self, event: EventRow, job: int, key: str) -> Iterator[Span]:
        if event.kind == Event.INTENDED.value:
            begun = _Round(_job_id(key, event.attempt or 0), event.at)
            self._rounds.setdefault(job, begun)
            identity = SpanId(trace_id(key), span_id(event.token or 0))
            self._attempts[job] = _Attempt(identity, event.at, event.at)
            return
        under_way = self._attempts.get(job)
        if under_way and event.kind in _ACTIONS:
            yield _action(event, under_way)
        if under_way and is_end_of_run(event):
            del self._attempts[job]
            yield self._attempt_span(event, job, under_way)
        if event.to_state in _TERMINAL and event.from_state != event.to_state:
            fresh = _Round(_job_id(key, 0), event.at)
            yield self._job_span(event, job, self._rounds.pop(job, fresh))

    def _attempt_span(self, event: EventRow, number: int, under_way: _Attempt) -> Span:
        job = read.job(self.store.session, number)
        spec = self.store.spec(job.spec)
        found = read.attempts(self.store.session, number)
        attempt = next((one for one in found if one.number == event.attempt), None)
        attributes = {
            "bydawn.batch": self.batch.address,
            "bydawn.job": job.name,
            "bydawn.job_id": job.job_id,
            "bydawn.attempt": event.attempt,
            "bydawn.backend": spec.backend,
            "bydawn.reason": event.reason,
            **_usage(attempt),
            **self._agent(spec.id, spec.backend, spec.payload, job.handle),
        }
        error = (attempt.error_code if attempt else None) or _trouble(event)
        if error:
            attributes[genai.ERROR_TYPE] = error
        return Span(
            f"attempt {event.attempt}", under_way.id, under_way.began_at, event.at,
            _told(attributes), self._rounds[number].id, error=error,
        )  # fmt: skip

    def _agent(
        self, name: str, backend: str, payload: dict[str, Any], handle: str | None
    ) -> dict[str, Any]:
        """What makes it the call of an agent; nothing for a plain command."""
        if not payload.get("model") and not payload.get("prompt"):
            return {}
        found = {
            genai.OPERATION: genai.INVOKE_AGENT,
            genai.PROVIDER: genai.PROVIDERS.get(backend),
            genai.AGENT_NAME: name,
            genai.REQUEST_MODEL: payload.get("model"),
            genai.CONVERSATION: handle,
        }
        if self.shows_prompts and payload.get("prompt"):
            part = {"type": "text", "content": payload["prompt"]}
            found[genai.INPUT_MESSAGES] = json.dumps([{"role": "user", "parts": [part]}])
        return found

    def _job_span(self, event: EventRow, number: int, round_: _Round) -> Span:
        job = read.job(self.store.session, number)
        tags = json.loads(job.tags)
        attributes = {
            "bydawn.batch": self.batch.address,
            "bydawn.job": job.name,
            "bydawn.job_id": job.job_id,
            "bydawn.key": job.key,
            "bydawn.state": event.to_state,
            "bydawn.reason": event.reason,
            "bydawn.attempts": job.attempts,
            "bydawn.cost_usd": decimal(job.cost_micros),
            **{f"bydawn.tag.{name}": value for name, value in tags.items()},
        }
        return Span(
            job.name, round_.id, round_.began_at, event.at, _told(attributes),
            links=(batch_id(self.batch),), error=_trouble(event),
        )  # fmt: skip


def batch_span(batch: Batch, joined: Joined, ended_at: int, is_later_end: bool = False) -> Span:
    """The batch itself. Where it ended before, went on and ended again, the later end lies below
    the first: no span is told twice."""
    attributes = {
        "bydawn.batch": batch.address,
        "bydawn.plan": batch.plan,
        "bydawn.edition": batch.edition,
        "bydawn.outcome": joined.outcome,
        "bydawn.exit_code": joined.exit_code,
    }
    first = batch_id(batch)
    error = joined.outcome if joined.exit_code else None
    return Span(
        batch.address, _below(first, f"end {ended_at}") if is_later_end else first,
        batch.opened_at, ended_at, _told(attributes), first if is_later_end else None,
        error=error,
    )  # fmt: skip


def batch_id(batch: Batch) -> SpanId:
    """The batch's own trace, from what names it and when it was opened."""
    found = digest(["bydawn/trace/1", batch.plan, batch.edition, batch.opened_at])
    return SpanId(found[:32], found[32:48])


def _job_id(key: str, first_attempt: int) -> SpanId:
    text = f"bydawn/job/1 {key} {first_attempt}"
    return SpanId(trace_id(key), hashlib.sha256(text.encode()).hexdigest()[:16])


def _below(above: SpanId, what: str) -> SpanId:
    """An id that follows from what lies above it."""
    text = f"{above.span} {what}"
    return SpanId(above.trace, hashlib.sha256(text.encode()).hexdigest()[:16])


def _action(event: EventRow, under_way: _Attempt) -> Span:
    began_at, under_way.step_at = under_way.step_at, event.at
    under_way.steps += 1
    identity = _below(under_way.id, str(under_way.steps))
    attributes = _told({"bydawn.event": event.kind, "bydawn.reason": event.reason})
    name = _ACTIONS[event.kind]
    return Span(name, identity, began_at, event.at, attributes, under_way.id,
                error=_trouble(event))  # fmt: skip


def _usage(attempt: Attempt | None) -> dict[str, Any]:
    if attempt is None:
        return {}
    tokens = json.loads(attempt.usage) if attempt.usage else {}
    told: dict[str, Any] = {
        genai.USAGE.get(name, f"bydawn.usage.{name}"): count for name, count in tokens.items()
    }
    return {**told, "bydawn.cost_usd": decimal(attempt.cost_micros)}


def _trouble(event: EventRow) -> str | None:
    """What a viewer marks red: an end that was none, or a refusal."""
    if event.to_state in _BAD or event.reason == "backoff":
        return event.reason or event.to_state
    return None


def _told(attributes: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in attributes.items() if value is not None}
