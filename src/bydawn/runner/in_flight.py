"""The jobs a runner holds: what is due, what each fact leads to, what is to be written and done
next.

Everything here is memory of one process. Moves are applied to the rows in memory at once, wait for
the next write, and only a written move lets its act go out.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable

from bydawn.backends.backend import Backend
from bydawn.core.decide import Act, Circumstances, Fact, Step, learn, next_step
from bydawn.core.decide.step import Collected, Published
from bydawn.core.model import Job, JobSpec
from bydawn.core.recording import Change, apply, begin
from bydawn.core.sightings import Alive, Ended, Launched
from bydawn.core.states import HELD, Event, State
from bydawn.runner.awaited import Ticket
from bydawn.runner.held import Held
from bydawn.runner.horizon import Horizon
from bydawn.runner.rendering import Nature, nature_of
from bydawn.runner.tools import Tools
from bydawn.store.settling import Progressed
from bydawn.store.store import Store

_HELD = frozenset(state.value for state in HELD)
_RUNNING, _PARKED = State.RUNNING.value, State.PARKED.value
_NONE, _CANCEL, _FIND = Act.NONE, Act.CANCEL, Act.FIND
_COUNTED = (Act.PUBLISH, Act.COLLECT)
_BROUGHT_ON = (Published, Collected)
_STARTS = frozenset({Event.LAUNCHED, Event.FOUND})


class InFlight:
    """Held jobs by number, their due times, and this turn's changes."""

    def __init__(self, store: Store, tools: Tools, horizon: Horizon) -> None:
        self._store, self._tools, self._horizon = store, tools, horizon
        self.held: dict[int, Held] = {}
        self.changes: dict[int, Change] = {}
        self.ready: list[Held] = []
        self.halt: str | None = None
        self._due: list[tuple[int, int]] = []
        self._by_handle: dict[str, int] = {}
        self._kinds: dict[int, tuple[JobSpec, Backend, Nature]] = {}
        self._progressed: set[int] = set()

    def hold(self, jobs: Iterable[Job], now: int, boot: int) -> None:
        """Take newly claimed jobs in hand, each with its first step."""
        for job in jobs:
            held = Held(job, *self._kind(job.spec))
            held.count_limits(now, boot)
            self.held[job.number] = held
            self._take(held, next_step(job, self._around(held, now, boot)), None, now, boot)

    def learn(self, ticket: Ticket, fact: Fact, now: int, boot: int) -> None:
        """Take in one fact about a job, if it is still held under the claim that asked for it."""
        number, token = ticket
        held = self.held.get(number)
        if held is None or held.job.token != token:
            return
        held.is_out = False
        held.act = _NONE
        self._follow(held, fact, now, boot)
        if isinstance(fact, Launched) and fact.sighting and held.job.state == _RUNNING:
            self._follow(held, fact.sighting, now, boot)

    def step_due(self, now: int, boot: int) -> None:
        """Decide for every job whose time has come."""
        while self._due and self._due[0][0] <= boot:
            due_at, number = heapq.heappop(self._due)
            held = self.held.get(number)
            if held is None or held.is_out or held.due_at != due_at:
                continue
            held.due_at = None
            step = next_step(held.job, self._around(held, now, boot))
            self._take(held, step, None, now, boot)

    def next_due(self) -> int | None:
        """When the next job is due, on the clock that counts sleep."""
        return self._due[0][0] if self._due else None

    def rouse(self, held: Held) -> None:
        """Look at a job now, unless an act of it is out."""
        if not held.is_out:
            self._schedule(held, 0, self._tools.clock.boot_ms())

    def rouse_all(self, batch: int | None = None) -> None:
        for held in self.held.values():
            if batch is None or held.job.batch == batch:
                self.rouse(held)

    def notice(self, handle: str) -> None:
        """Look at the run of this handle now."""
        number = self._by_handle.get(handle)
        held = self.held.get(number) if number is not None else None
        if held is None:
            self._by_handle = {one.job.handle or "": one.job.number for one in self.held.values()}
            number = self._by_handle.get(handle)
            held = self.held.get(number) if number is not None else None
        if held:
            self.rouse(held)

    def heed(self, wishes: dict[int, str]) -> list[int]:
        """What people asked of jobs in flight; the numbers of those that are not in hand."""
        for number, wish in wishes.items():
            held = self.held.get(number)
            if held and held.job.wish != wish:
                held.job.wish = wish
                self.rouse(held)
        return [number for number in wishes if number not in self.held]

    def written(self, changes: Iterable[Change], fenced: set[int]) -> int:
        """Let go of what is fenced or no longer watched; how many were fenced."""
        lost = 0
        for change in changes:
            job = change.job
            if job.number in fenced:
                lost += 1
                self.held.pop(job.number, None)
            elif job.state not in _HELD or _is_unwatched(job):
                self.held.pop(job.number, None)
        if fenced:
            self.ready = [held for held in self.ready if held.job.number in self.held]
        return lost

    def taken_progress(self) -> list[Progressed]:
        """Runs seen to move since the last time; what is about to be written tells it anyway."""
        moved, self._progressed = self._progressed, set()
        jobs = [self.held[number].job for number in sorted(moved) if number in self.held]
        return [
            Progressed(job.number, job.token, job.nonce, job.progress_at or 0)
            for job in jobs
            if job.state == _RUNNING and job.number not in self.changes
        ]

    def drop_all(self) -> int:
        """Nothing in hand is ours any more; how many that were."""
        count = len(self.held)
        self.held, self.changes, self.ready, self._due = {}, {}, [], []
        return count

    def _kind(self, number: int) -> tuple[JobSpec, Backend, Nature]:
        """What all jobs of one spec share."""
        found = self._kinds.get(number)
        if found is None:
            spec = self._store.spec(number)
            found = self._kinds[number] = (spec, self._tools.backend(spec), nature_of(spec))
        return found

    def _follow(self, held: Held, fact: Fact, now: int, boot: int) -> None:
        end = _end_in(fact)
        self._remember(held, fact, end, now, boot)
        around = self._around(held, now, boot)
        self._take(held, learn(held.job, fact, around), end, now, boot)

    def _remember(self, held: Held, fact: Fact, end: Ended | None, now: int, boot: int) -> None:
        """What only this process knows of the run: looks, witness, last meter reading."""
        if isinstance(fact, Alive):
            held.looks += 1
            held.usage = fact.usage
            held.note_spending(fact, boot)
            if fact.witness != held.witness:
                held.witness = fact.witness
                held.job.progress_at = now
                held.progress_at = boot
                self._progressed.add(held.job.number)
        elif end:
            held.usage = end.outcome.usage
        elif isinstance(fact, _BROUGHT_ON):
            held.tries = 0

    def _take(self, held: Held, step: Step, end: Ended | None, now: int, boot: int) -> None:
        """Apply a step's moves in memory, of which one may record an ``end``; its act waits until
        they are written."""
        job = held.job
        if step.moves:
            change = self.changes.get(job.number)
            if change is None:
                change = self.changes[job.number] = begin(job)
            usage = held.usage if end else None
            faults = job.faults
            for move in step.moves:
                apply(change, move, usage)
                if move.event in _STARTS:
                    held.count_limits(now, boot)
            if job.faults > faults:
                self._horizon.spend_retry(job.batch)
        if step.act is not _NONE:
            self._prepare(held, step)
        elif job.state in _HELD and not _is_unwatched(job):
            self._schedule(held, step.due_in_ms or 0, boot, step.slack_ms)
        else:
            held.due_at = None  # nothing is to be looked at any more

    def _prepare(self, held: Held, step: Step) -> None:
        if step.due_in_ms:
            self._schedule(held, step.due_in_ms, self._tools.clock.boot_ms())
            return
        held.act, held.argument = step.act, step.argument
        held.is_out, held.due_at = True, None
        if step.act is _CANCEL:
            held.tries = 0 if held.asked_at is None else held.tries + 1
            held.asked_at = held.asked_at or self._tools.clock.boot_ms()
        elif step.act in _COUNTED:
            held.tries += 1
        elif step.act is _FIND:
            held.seeks_at = self._tools.clock.boot_ms()
            held.sought_at = held.seeks_at if held.sought_at is None else held.sought_at
        self.ready.append(held)

    def _around(self, held: Held, now: int, boot: int) -> Circumstances:
        tools = self._tools
        halt, retries_left = self._horizon.limits_of(held.job.batch, now)
        chance = tools.chance.random()
        return held.around(now, boot, chance, self.halt or halt, retries_left, tools.machine)

    def _schedule(self, held: Held, in_ms: int, boot: int, slack_ms: int = 0) -> None:
        """What may wait waits for a moment it shares with others: one turn looks at many."""
        due_at = boot + in_ms
        shared_every_ms = 1 << (slack_ms.bit_length() - 1) if slack_ms else 1
        held.due_at = due_at + -due_at % shared_every_ms
        heapq.heappush(self._due, (held.due_at, held.job.number))


def _end_in(fact: object) -> Ended | None:
    """The end of a run, be it told by a look or by the answer to its launch."""
    seen = fact.sighting if isinstance(fact, Launched) else fact
    return seen if isinstance(seen, Ended) else None


def _is_unwatched(job: Job) -> bool:
    """Parked with nothing that could still live."""
    return job.state == _PARKED and (job.handle is None or job.step is not None)
