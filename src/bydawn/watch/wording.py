"""Every sentence a person reads about a job or a batch, in one place."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import tzinfo
from typing import Any

from bydawn.core.model import BatchTerms, Job
from bydawn.core.states import Event, Reason, State
from bydawn.core.values import value
from bydawn.store.read import EventRow
from bydawn.watch.amounts import count, dollars, length, time_of_day
from bydawn.watch.sanitise import inert, shortened

_MESSAGE, _NAME = 160, 28
_OVER_BUDGET = "its budget was spent, so it was ended"

_WHY: dict[str, str] = {
    Reason.BACKOFF: "tries again after a pause",
    Reason.HELD: "its service or this machine asks to wait",
    Reason.BREAKER: "its backend fails for others too; launches there have stopped",
    Reason.CANARY: "waits until the first ones have succeeded",
    Reason.DEPENDENCY: "waits for jobs before it",
    Reason.PAUSED: "the batch is paused",
    Reason.WITHDRAWN: "the plan no longer lists it",
    Reason.CHANGED: "the plan describes it otherwise now",
    Reason.ALREADY_DONE: "done before",
    Reason.DEADLINE: "the deadline came first",
    Reason.BUDGET: "a budget keeps it back",
    Reason.TIMEOUT: "ran into its time limit",
    Reason.STALLED: "made no progress for too long",
    Reason.PERMANENT: "permanent, not retried",
    Reason.EXHAUSTED: "no retries left",
    Reason.UNMET: "did not show what was expected",
    Reason.NO_OUTPUT: "ended without output",
    Reason.AUTH: "its credentials were refused",
    Reason.IN_DOUBT: "nobody can tell whether it ran",
    Reason.NEEDS_INPUT: "waits for an answer from a person",
    Reason.AWAITING_APPROVAL: "waits for approval before publishing",
    Reason.CANCEL_UNCONFIRMED: "was asked to end and did not confirm",
    Reason.PUBLISH_FAILED: "ran well, but could not be published",
    Reason.OPERATOR: "by a person",
    Reason.FENCED: "a newer claim holds it",
    Reason.LOST: "its backend no longer knows it",
    Reason.INTERRUPTED: "was interrupted",
}
UNSERVED = "nobody is at work on it; the command that began it goes on with it"


@value
class Facts:
    """What a line may add to an event: how long the run took, what it used, when it goes again."""

    elapsed_ms: int | None = None
    tokens: int = 0
    cost_micros: int | None = None
    again_at: int | None = None


@value
class Waiting:
    """How many jobs wait for the same, and the name of the first."""

    count: int
    name: str


def why(reason: str | None) -> str:
    return _WHY.get(reason or "", reason or "")


def fault(code: str | None, message: str | None) -> str:
    """``exit 3: 41 dead links``, on one harmless line."""
    told = inert((code or "").replace("_", " "))
    said = shortened(inert(" ".join((message or "").split())), _MESSAGE)
    return f"{told}: {said}" if told and said else told or said


def trouble(job: Job) -> str:
    """Why a job failed, waits or was parked, with what its run said."""
    told = _ended_as(job.state, job.reason, job.error_code, job.error_message)
    spent_micros = job.cost_micros if told == _OVER_BUDGET else None
    return f"{told}, at {dollars(spent_micros)}" if spent_micros else told


def _ended_as(state: str | None, reason: str | None, code: str | None, message: str | None) -> str:
    """What a run said, and what that means; once where both are the same."""
    if state == State.FAILED.value and reason == Reason.BUDGET.value:
        return _OVER_BUDGET
    said, means = fault(code, message), why(reason)
    if said == fault(reason, None):
        said = ""
    return f"{said} ({means})" if said and means else said or means


def opened(
    batch: str, counts: Mapping[str, int], already: int, terms: BatchTerms,
    deadline_at: int | None, zone: tzinfo | None,
) -> str:  # fmt: skip
    """The first line of a run: what there is, and what of it is done or under way already."""
    total = sum(counts.values())
    parts = [f"{total} job{'' if total == 1 else 's'}"]
    if already:
        parts.append(f"{already} already done")
    if counts.get("running"):
        parts.append(f"{counts['running']} already running")
    caps = cap(terms)
    if caps:
        parts.append(f"cap {caps}")
    if deadline_at is not None:
        parts.append(f"deadline {time_of_day(deadline_at, zone)[:5]}")
    return f"{batch}: {', '.join(parts)}"


def cap(terms: BatchTerms) -> str:
    bound = terms.bound
    parts = [dollars(bound.usd_micros)] if bound.usd_micros is not None else []
    parts += [f"{count(bound.tokens)} tokens"] if bound.tokens is not None else []
    parts += [f"{bound.launches} launches"] if bound.launches is not None else []
    return " / ".join(parts)


def event_line(event: EventRow, facts: Facts) -> str | None:
    """What a line of plain progress says about an event; None when it is no news for a person."""
    if event.job is None:
        return _batch_line(event)
    said = _job_line(event, facts)
    return f"{inert(event.job)} {said}" if said else None


def needs_eyes(event: EventRow) -> bool:
    """What is told even when a batch is too large to tell everything."""
    if event.job is None or event.kind == Event.STALLING.value:
        return True
    return event.to_state in (State.FAILED.value, State.PARKED.value) and event.kind not in (
        Event.WISHED.value, Event.CLAIMED.value, Event.REVISED.value
    )  # fmt: skip


def _batch_line(event: EventRow) -> str | None:
    if event.kind in _TOLD_WITH_DETAIL:
        return _TOLD_WITH_DETAIL[event.kind].format(**_shown_detail(event))
    sentences = {
        "revised": "the plan has changed",
        "paused": "paused: nothing new is started",
        "unpaused": "goes on",
        "stop_asked": "stopped: nothing new is started, everything is ended",
        "stop_lifted": "the stop is lifted",
        "expanded": "more jobs have come from an earlier one",
    }
    return sentences.get(event.kind)


_TOLD_WITH_DETAIL = {
    "kept_back": "nothing more is started: {why} keeps {jobs} jobs back",
    "breaker_opened": "{backend}: the same failure on {jobs} jobs ({failure}); nothing is started"
    " there until a probe succeeds",
    "breaker_closed": "{backend}: a run succeeded, launches go on",
}


def _shown_detail(event: EventRow) -> dict[str, str]:
    detail = json.loads(event.detail or "{}")
    return {name: inert(str(value)) for name, value in detail.items()}


def _job_line(event: EventRow, facts: Facts) -> str | None:
    if event.kind in (Event.LAUNCHED.value, Event.FOUND.value):
        verb = "started" if event.kind == Event.LAUNCHED.value else "found running"
        return verb + (f", attempt {event.attempt}" if (event.attempt or 0) > 1 else "")
    if event.kind == Event.CANCEL_ASKED.value:
        return "is asked to end" + _STALLS.get(_detail(event).get("why", ""), "")
    if event.kind == Event.STALLING.value:
        detail = _detail(event)
        return f"stalled {length(detail['unmoved_ms'])}, is ended at {length(detail['limit_ms'])}"
    if event.kind == Event.PROGRESSED.value:
        return "goes on after all"
    if event.from_state == event.to_state:
        return None
    return _moved(event, facts)


_STALLS = {
    "stalled": ": it makes no progress",
    "spending": ": it spends and makes no progress",
}


def _detail(event: EventRow) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(event.detail) if event.detail else {}
    return found


def stalled(job: Job, now: int) -> str:
    """``stalled 9m`` for a run that has shown no progress for half its limit; empty for others."""
    if job.reason != Reason.STALLED or job.progress_at is None:
        return ""
    return f"stalled {length(max(0, now - job.progress_at))}"


def _moved(event: EventRow, facts: Facts) -> str | None:
    told = _told(event)
    if event.to_state == State.SUCCEEDED.value:
        return f"succeeded{spent(facts)}"
    if event.to_state == State.FAILED.value:
        return f"FAILED {told}".rstrip()
    if event.to_state == State.PARKED.value:
        return f"PARKED {told}, needs a person"
    if event.to_state == State.CANCELLED.value:
        return "cancelled"
    if event.to_state == State.QUEUED.value and event.from_state != State.QUEUED.value:
        return _again(event, told, facts)
    return None


def _told(event: EventRow) -> str:
    detail = _detail(event)
    return _ended_as(event.to_state, event.reason, detail.get("code"), detail.get("message"))


def _again(event: EventRow, told: str, facts: Facts) -> str:
    if event.kind == Event.ABSENT.value:
        return "was not started after all; goes again"
    if event.kind in (Event.RETRIED.value, Event.RESOLVED.value):
        return "goes again, as a person asked"
    wait = "" if facts.again_at is None else f", next in {length(facts.again_at - event.at)}"
    return f"attempt {event.attempt} ended: {told}{wait}"


def spent(facts: Facts) -> str:
    """`` in 1h18m51s, 1.04M tokens, $1.38``; what is not known is left out."""
    parts = [f" in {length(facts.elapsed_ms)}"] if facts.elapsed_ms is not None else []
    parts += [f"{count(facts.tokens)} tokens"] if facts.tokens else []
    parts += [dollars(facts.cost_micros)] if facts.cost_micros else []
    return ", ".join(parts) if facts.elapsed_ms is not None else "".join(f", {p}" for p in parts)


def tally(counts: dict[str, int]) -> str:
    """``11 succeeded, 1 failed``: what there is, in the order it is looked for."""
    words = {"succeeded": "succeeded", "failed": "failed", "parked": "parked",
             "cancelled": "cancelled", "running": "running", "queued": "waiting"}  # fmt: skip
    parts = [f"{counts[name]} {word}" for name, word in words.items() if counts.get(name)]
    return ", ".join(parts) or "no jobs"


def times(wall_ms: int, serial_ms: int) -> str:
    """``in 1h22m33s (3h34m43s one after another, 62 % less)``."""
    told = f"in {length(wall_ms)}"
    if serial_ms <= wall_ms or serial_ms == 0:
        return told
    saved = 100 - round(100 * wall_ms / serial_ms)
    return f"{told} ({length(serial_ms)} one after another, {saved} % less)"


def money(usd_micros: int, unknown: int, cap_micros: int | None) -> str:
    """``$4.67 of $12.00``; empty where nothing was priced and nothing is capped."""
    if usd_micros == 0 and cap_micros is None:
        return ""
    told = dollars(usd_micros) + (f" of {dollars(cap_micros)}" if cap_micros is not None else "")
    return f"{told} + {unknown} without a price" if unknown else told


def waiting(reasons: dict[str, Waiting]) -> Sequence[str]:
    """Why jobs were left waiting, commonest first; one of each by its name."""
    ranked = sorted(reasons.items(), key=lambda pair: (-pair[1].count, pair[0]))
    return [
        f"{one.count} waiting: {why(reason) or 'not started yet'} ({_examples(one)})"
        for reason, one in ranked
    ]


def _examples(one: Waiting) -> str:
    name = shortened(inert(one.name), _NAME)
    return name if one.count == 1 else f"{name} and {one.count - 1} more"


def left_behind(running: int) -> str:
    """What an interrupted command says of what it leaves."""
    if running == 0:
        return "interrupted; the same command goes on"
    runs = "1 run goes" if running == 1 else f"{running} runs go"
    return f"interrupted; {runs} on within their limits, the same command joins them"
