"""Keep a board in step with the store: load it once, then let events move it."""

from __future__ import annotations

import json
from collections.abc import Iterable

from bydawn.core.accounts import account_of_batch, tokens_of, usd_of
from bydawn.core.budgets import total_tokens
from bydawn.core.counting import pool_slots
from bydawn.core.model import Job
from bydawn.core.states import Event, State, shown
from bydawn.store import counters, read
from bydawn.store.finding import Wanted, found
from bydawn.store.read import EventRow
from bydawn.store.store import Batch, Store
from bydawn.watch import wording
from bydawn.watch.amounts import length
from bydawn.watch.documents import counts_of, elapsed_ms
from bydawn.watch.feed import Feed
from bydawn.watch.outlook import Outlook
from bydawn.watch.painting import Frame, Purse, Shown
from bydawn.watch.progress import KEPT, Board

# Above this a screen does not look up what was in flight before it came.
_LOADED_UP_TO = 5_000
_WAITING = Wanted(state="queued")
# Events after which other jobs count than before.
_RELISTS = (Event.WITHDRAWN.value, Event.REVISED.value)


class Following:
    """One batch, followed from now on."""

    def __init__(self, store: Store, batch: Batch) -> None:
        self.store, self.batch = store, batch
        self.board = Board()
        self.outlook = Outlook(store, batch)
        with store.session.reading():
            self._heard = read.newest_event(store.session)
            self._feed = Feed(store, batch.number, self._heard)
            self._load()

    def news(self) -> list[EventRow]:
        """Events since the last time; the board has been moved by them."""
        with self.store.session.reading():
            fresh = list(self._feed.fresh())
            for event in fresh:
                self.board.learn(event)
            if any(event.job is None or event.kind in _RELISTS for event in fresh):
                self.recount()
        return fresh

    def troubles(self) -> list[EventRow]:
        """What a person would want to hear since the last time, however much else there was."""
        session, after = self.store.session, self._heard
        self._heard = read.newest_event(session)
        told = read.troubles(session, after, self._heard, self.batch.number)
        return told if self._heard > after else []

    def facts(self, event: EventRow) -> wording.Facts:
        """What the row adds to an event that ends something."""
        if event.job_number is None or event.from_state == event.to_state:
            return wording.Facts()
        job = read.job(self.store.session, event.job_number)
        again = job.not_before if job.not_before > event.at else None
        return wording.Facts(
            elapsed_ms(job), _tokens(job), job.cost_micros, again if _waits(job) else None
        )

    def frame(self, now: int, room: int) -> Frame:
        """What a screen shows now, in at most ``room`` rows."""
        if self._is_small and self.board.lacks_waiting(room):
            self._place(found(self.store.session, self.batch.number, _WAITING, 0, KEPT))
        jobs = [read.job(self.store.session, number) for number in self.board.first(room)]
        return Frame(
            title=self.batch.address,
            counts=dict(self.board.counts),
            elapsed_ms=now - self.batch.opened_at,
            rows=[_shown(job, now) for job in jobs],
            deadline_at=self.batch.deadline_at,
            now=now,
            ends_at=self.outlook.ends_at(now),
            purse=self._purse(),
            pools=self._pools(),
            is_paused=self.store.batch(self.batch.number).paused,
        )

    def _purse(self) -> Purse:
        """The account of the batch: what was charged and what is set aside, together."""
        session, terms = self.store.session, self.batch.terms
        account = account_of_batch(self.batch.number)
        return Purse(
            counters.used(session, usd_of(account)),
            terms.bound.usd_micros,
            self.outlook.reserved_micros,
            counters.used(session, tokens_of(account)),
            terms.bound.tokens,
        )

    def _pools(self) -> list[tuple[str, int, int | None]]:
        session = self.store.session
        return [
            (pool.name, counters.used(session, pool_slots(pool.name)), pool.parallel)
            for pool in self.batch.terms.pools
        ]

    def _load(self) -> None:
        self.recount()
        if self._is_small:
            self._place(read.jobs(self.store.session, self.batch.number))

    def _place(self, jobs: Iterable[Job]) -> None:
        for job in jobs:
            self.board.place(job.number, job.state, was_tried=job.attempts > 0)

    @property
    def _is_small(self) -> bool:
        return self.board.total <= _LOADED_UP_TO

    def recount(self) -> None:
        """Count the states anew."""
        now = self.store.session.clock.utc_ms()
        standing = read.standing(self.store.session, self.batch.number, now, None)
        self.board.counts = counts_of(standing)


def _waits(job: Job) -> bool:
    return job.state == State.QUEUED.value and job.not_before < 1 << 60


def _tokens(job: Job) -> int:
    return total_tokens(json.loads(job.usage)) if job.usage else 0


def _shown(job: Job, now: int) -> Shown:
    state = shown(job.state)
    is_running = state == "running" and job.started_at is not None
    took = now - (job.started_at or now) if is_running else elapsed_ms(job)
    sign = job.progress_at if is_running else None
    return Shown(
        job.number, job.name, state, job.attempts, took, _tokens(job), job.cost_micros,
        _note(job, state, now), max(0, now - sign) if sign else None,
    )  # fmt: skip


def _note(job: Job, state: str, now: int) -> str:
    if state == "running":
        is_finishing = job.state == State.FINISHING.value
        return "finishing" if is_finishing else wording.stalled(job, now)
    if state == "succeeded":
        return ""
    if _waits(job) and job.not_before > now:
        return f"{wording.trouble(job)}; goes again in {length(job.not_before - now)}"
    return wording.trouble(job)
