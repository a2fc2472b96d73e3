"""People who interfere with a simulated night: cancel, retry, resolve, pause, revise, run again."""

from __future__ import annotations

import contextlib
import dataclasses
import random
from collections import Counter
from collections.abc import Callable
from typing import TypeVar

from bydawn.core.clock import Clock
from bydawn.core.errors import Refused, StoreUnavailable
from bydawn.core.model import BatchTerms, Job, JobSpec
from bydawn.store import read
from bydawn.store.store import Store
from bydawn.testing.nights import PLAN, Night, planned_job

T = TypeVar("T")
_ANSWERS = ("succeeded", "failed", "retry", "approve")


class People:
    """Everything they do is remembered by job, since it explains what would else be a violation."""

    def __init__(self, night: Night, store: Store, clock: Clock, chance: random.Random) -> None:
        self.night, self.store, self._clock, self._random = night, store, clock, chance
        self.specs: tuple[JobSpec, ...] = night.specs
        self.keys: dict[str, str] = {}
        self.terms: BatchTerms = night.terms
        self.batch = 0
        self.touched: Counter[str] = Counter()
        self.left_alone: set[str | None] = set()
        self._nonces = 0
        self._versions = 1

    def open_batch(self) -> None:
        """Record the plan as it stands; the first time this opens the batch."""
        planned, jobs = self.night.planned(self.specs, self.terms, self._clock.utc_ms())
        self.batch = self._insisting(lambda: self.store.open_batch(planned, jobs)).number
        for number, spec in enumerate(self.specs):
            self.keys.setdefault(spec.id, planned_job(spec, number).key)

    def act(self) -> str:
        """One random deed; its name."""
        deed = self._random.choice(self.night.deeds)
        with contextlib.suppress(Refused, StoreUnavailable):
            getattr(self, f"_{deed}")(self._job())
        return deed

    def rest(self) -> None:
        """They go to bed: nothing stays paused."""
        self.store.pause(self.batch, False)

    def _insisting(self, act: Callable[[], T]) -> T:
        """The same command again, until the store takes it and says so."""
        while True:
            with contextlib.suppress(StoreUnavailable):
                return act()

    def nonce(self) -> str:
        self._nonces += 1
        return f"person-{self._nonces}"

    def job_named(self, name: str) -> Job:
        (job,) = read.jobs_with_key(self.store.session, self.keys[name])
        return job

    def is_known(self) -> bool:
        return self.store.find_batch(PLAN, "") is not None

    def _job(self) -> Job:
        return self.job_named(self._random.choice(sorted(self.keys)))

    def _cancel(self, job: Job) -> None:
        self.touched[job.name] += 1
        self.store.cancel(job.number, self.nonce)

    def _retry(self, job: Job) -> None:
        self.touched[job.name] += 1
        self.store.retry(job.number, self.nonce)

    def _redo(self, job: Job) -> None:
        """Once more what is over, if anything is."""
        del job
        found = [one for one in map(self.job_named, sorted(self.keys)) if one.ended_at]
        if found:
            self._retry(self._random.choice(found))

    def _resolve(self, job: Job) -> None:
        del job
        parked = [one for one in map(self.job_named, sorted(self.keys)) if one.state == "parked"]
        if parked:
            chosen = self._random.choice(parked)
            self.touched[chosen.name] += 1
            self.left_alone.add(chosen.handle)
            answer = self._random.choice(_ANSWERS)
            self.store.resolve(chosen.number, answer, "a person says so", self.nonce)

    def _pause(self, job: Job) -> None:
        del job
        self.store.pause(self.batch, self._random.random() < 0.5)

    def _run(self, job: Job) -> None:
        """The same command once more: the plan is recorded again and another runner starts."""
        del job
        self.open_batch()

    def _raise(self, job: Job) -> None:
        """Edit the plan: more may be spent than so far."""
        del job
        bound, per_day = self.terms.bound, self.terms.per_day_usd_micros
        self.terms = dataclasses.replace(
            self.terms,
            bound=dataclasses.replace(
                bound,
                usd_micros=_doubled(bound.usd_micros),
                launches=_doubled(bound.launches),
            ),
            per_day_usd_micros=_doubled(per_day),
        )
        self.open_batch()

    def _revise(self, job: Job) -> None:
        """Edit the plan: another payload for one job, or one job less, or all of them back."""
        self._versions += 1
        payload = {"version": self._versions}
        kind = self._random.choice(("payload", "less", "all"))
        known = self.night.specs if kind == "all" else self.specs
        if kind == "less" and len(known) > 1:
            known = tuple(spec for spec in known if spec.id != job.name)
        self.specs = tuple(
            dataclasses.replace(spec, payload=payload) if spec.id == job.name else spec
            for spec in known
        )
        self.touched[job.name] += 1
        self.open_batch()


def _doubled(cap: int | None) -> int | None:
    return None if cap is None else cap * 2
