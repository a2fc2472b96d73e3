"""Follow one batch for what a person is to be told of, and know when its digest is due."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, tzinfo
from zoneinfo import ZoneInfo

from bydawn.core.alarms import BUDGET, DEADLINE, Alarms, Cause, Due, Happened
from bydawn.core.editions import deadline_at
from bydawn.core.states import State
from bydawn.store import notices, read
from bydawn.store.read import EventRow
from bydawn.store.store import Batch, Store
from bydawn.watch.feed import Feed

_NEEDY = (State.FAILED.value, State.PARKED.value)


class Listener:
    """The alarms of one batch, from its first event on."""

    def __init__(self, store: Store, batch: Batch) -> None:
        self._store = store
        self._feed = Feed(store, batch.number)
        self._alarms = Alarms(batch.terms.notify.on)

    def due(self, batch: Batch, now: int) -> list[Due]:
        """What is to be told by now, whoever may have told it already."""
        for event in self._feed.fresh():
            self._alarms.learn(self._happened(event))
        parked = notices.parked(self._store.session, batch.number)
        due = [*self._alarms.due(now, batch.closed_at is not None, parked)]
        return [*due, *(Due(cause, 0) for cause in self._never_started(batch))]

    def expects(self, batch: Batch, now: int) -> bool:
        """Whether somebody who does not answer will have to be told again."""
        parked = notices.parked(self._store.session, batch.number)
        return bool(batch.terms.notify.urls) and self._alarms.expects(now, parked)

    def _never_started(self, batch: Batch) -> Iterator[Cause]:
        """What a deadline or a budget left in the queue of a night that is over: no event of any
        job tells of it."""
        at = batch.closed_at
        if at is None:
            return
        standing = read.standing(self._store.session, batch.number, at, batch.deadline_at)
        for kind, count in ((DEADLINE, standing.past_deadline), (BUDGET, standing.over_budget)):
            if count and kind in batch.terms.notify.on:
                yield Cause(f"{kind}:never started {at}", kind, "never started", at, at, count)

    def _happened(self, event: EventRow) -> Happened:
        states = (event.from_state, event.to_state)
        return Happened(
            event.at, event.kind, event.job_number, *states, event.reason, self._what(event)
        )

    def _what(self, event: EventRow) -> str:
        if event.to_state in _NEEDY and event.job_number is not None:
            return read.job(self._store.session, event.job_number).error_code or ""
        return ""


def digest_due(batch: Batch) -> Iterator[tuple[str, int]]:
    """Each digest of a batch and when it is due: at its hour, and at the end where that is later
    or where no hour was named."""
    at = batch.terms.notify.digest_at
    hour = deadline_at(at, batch.opened_at, _zone(batch)) if at else None
    if hour is not None:
        yield "digest", hour
    if batch.closed_at is not None and (hour is None or batch.closed_at > hour):
        yield f"digest {batch.closed_at}", batch.closed_at


def _zone(batch: Batch) -> tzinfo:
    name = batch.terms.timezone
    return UTC if name == "UTC" else ZoneInfo(name)
