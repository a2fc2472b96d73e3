"""Whole nights of the real loop against an interrupted remote, and what a plain loop makes of them.

Everything is judged from the remote's own ledger and from the report a person would read.
"""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

from bydawn.core import counting
from bydawn.core.keys import job_key
from bydawn.core.model import BatchTerms, Effects, Job, JobSpec, Limits, PlannedBatch, PlannedJob
from bydawn.core.sightings import Ended, Guarantee, Launched, Request, Vanished
from bydawn.runner.drive import Drive
from bydawn.runner.runner import Runner
from bydawn.runner.scope import Scope
from bydawn.runner.tools import Tools
from bydawn.store import counters, read
from bydawn.store.sqlite import forgo_durability
from bydawn.store.store import Batch, Store, open_store
from bydawn.testing.interruptions import InterruptedBackend, Phase, interrupt, tokens_of
from bydawn.testing.remote import Remote, Run, Troubles
from bydawn.testing.virtual import HandWoundClock, InlineDispatcher, SeededChance
from bydawn.watch import report
from bydawn.watch.documents import Reading

PLAN = "night"
JOBS = 12
SHARE = 0.12
_LONGEST_MS = 5 * 60_000
_NIGHT_MS = 12 * 3_600_000
_SPEC = JobSpec("agent", "remote", limits=Limits(timeout_ms=2 * 3_600_000), effects=Effects.NONE)


@dataclass(slots=True)
class Tally:
    """What nights came to, added up. ``unnamed`` needed a person and were not in the report;
    ``early`` launches came before a Retry-After was up."""

    nights: int = 0
    jobs: int = 0
    failed: int = 0
    parked: int = 0
    open: int = 0
    duplicates: int = 0
    unnamed: int = 0
    early: int = 0
    naive_failed: int = 0
    met: Counter[Phase] = field(default_factory=Counter)

    def add(self, other: Tally) -> None:
        for name in self.__slots__:
            if name == "met":
                self.met.update(other.met)
            else:
                setattr(self, name, getattr(self, name) + getattr(other, name))


class Scene:
    """One store, one remote and one clock; runners come and go."""

    def __init__(self, folder: Path, seed: int, guarantee: Guarantee, share: float) -> None:
        self.clock = HandWoundClock()
        self.chance = random.Random(f"{seed}/{guarantee}/night")
        self.remote = Remote(
            self.clock, random.Random(f"{seed}/remote"), guarantee, Troubles(), _LONGEST_MS
        )
        self.backend = InterruptedBackend(self.remote, self.chance, share)
        self._folder, self._seed, self._runners = folder, seed, 0
        self._open: list[Store] = []
        self.store = self.connect()

    def connect(self) -> Store:
        store = open_store(self._folder / "store.db", self.clock, "s_night")
        forgo_durability(store.session)
        self._open.append(store)
        return store

    def close(self) -> None:
        for store in self._open:
            store.close()

    def submit(self, jobs: int, parallel: int) -> Batch:
        terms = BatchTerms(parallel=parallel)
        batch = PlannedBatch(PLAN, "", "/plans", "night.toml", terms, (_SPEC,), "f")
        planned = [_planned(number) for number in range(jobs)]
        return self.store.batch(self.store.open_batch(batch, planned).number)

    def runner(self, batch: Batch) -> Runner:
        """A new process; all before it are known to be dead."""
        self._runners += 1
        tools = Tools(
            clock=self.clock, chance=SeededChance(self._seed + self._runners),
            dispatcher=InlineDispatcher(self.clock), backends={"remote": lambda _: self.backend},
            state_folder=self._folder, machine="m_1", pid=self._runners, environment={},
            is_dead_here=lambda _: True, look_ms=60_000,
        )  # fmt: skip
        store = self.connect()
        made = Runner(store, Scope(store, lambda: [batch.number]), tools, f"r_{self._runners}")
        made.start()
        return made

    def jobs(self, batch: Batch) -> list[Job]:
        return list(read.jobs(self.store.session, batch.number))


def _planned(number: int) -> PlannedJob:
    key = job_key(PLAN, "", _SPEC.id, [number])
    name = f"{_SPEC.id}/{number}"
    return PlannedJob(_SPEC.id, name, key, f'{{"n": {number}}}', "{}", number, f"items:{number}")


def play_night(
    folder: Path, seed: int, guarantee: Guarantee, jobs: int = JOBS, share: float = SHARE
) -> Tally:
    """One night to its end, and the same night once more in a loop that tries each job once."""
    scene = Scene(folder, seed, guarantee, share)
    try:
        batch = scene.submit(jobs, parallel=4)
        Drive(scene.runner(batch), until_at=scene.clock.utc_ms() + _NIGHT_MS).run()
        tally = _judged(scene, batch)
    finally:
        scene.close()
    tally.naive_failed = naive_failures(seed, guarantee, jobs, share)
    return tally


def _judged(scene: Scene, batch: Batch) -> Tally:
    rows = scene.jobs(batch)
    states = Counter(job.state for job in rows)
    reading = Reading(scene.store, scene.clock.utc_ms())
    told = report.gather(reading, scene.store.batch(batch.number))
    named = {need.name for need in told.needs}
    needy = {job.name for job in rows if job.state in ("failed", "parked")}
    ended = states["succeeded"] + states["failed"] + states["parked"]
    return Tally(
        nights=1,
        jobs=len(rows),
        failed=states["failed"],
        parked=states["parked"],
        open=len(rows) - ended,
        duplicates=duplicates(scene.remote),
        unnamed=len(needy - named),
        early=early_launches(scene.remote),
        met=scene.backend.met,
    )


def duplicates(remote: Remote) -> int:
    """Runs that were started for a launch that had one, or beside a living run of the same job."""
    keys = Counter(run.launch_key for run in remote.runs.values())
    twice = sum(count - 1 for count in keys.values())
    by_job: dict[str, list[Run]] = {}
    for run in sorted(remote.runs.values(), key=lambda each: each.started_at):
        by_job.setdefault(run.job_id, []).append(run)
    beside = sum(
        later.started_at < earlier.over_at
        for runs in by_job.values()
        for earlier, later in pairwise(runs)
        if later.launch_key != earlier.launch_key
    )
    return twice + beside


def early_launches(remote: Remote) -> int:
    """Launches of a job that reached the remote before it had said they might."""
    return sum(
        asked.job_id == refusal.job_id and asked.at < refusal.not_before
        for refusal in remote.refusals
        for asked in remote.requests[refusal.number :]
    )


def naive_failures(seed: int, guarantee: Guarantee, jobs: int, share: float) -> int:
    """A loop that launches each job once and takes every trouble for its end."""
    clock = HandWoundClock()
    remote = Remote(clock, random.Random(f"{seed}/remote"), guarantee, Troubles(), _LONGEST_MS)
    backend = InterruptedBackend(remote, random.Random(f"{seed}/{guarantee}/naive"), share)
    return sum(not _goes_well(backend, clock, number) for number in range(jobs))


def _goes_well(backend: InterruptedBackend, clock: HandWoundClock, number: int) -> bool:
    answer = backend.launch(_naive_request(number))
    while isinstance(answer, Launched):
        clock.wind(30_000)
        try:
            sighting = backend.poll(answer.handle)
        except ConnectionError:
            return False
        if isinstance(sighting, Ended):
            return sighting.outcome.failure is None
        if isinstance(sighting, Vanished):
            return False
    return False


def _naive_request(number: int) -> Request:
    name = f"n{number}"
    return Request(
        launch_key=f"{name}-1", effect_key=name, job_id=name, batch=PLAN, job=name, edition="",
        key=name, attempt=1, token=1, nonce="", folder="", payload={}, timeout_ms=0, grace_ms=0,
        deadline_at=0,
    )  # fmt: skip


@dataclass(slots=True)
class Waste:
    """Where the tokens of a night went. ``naive_*`` is the loop that begins anew each time."""

    items: int = 0
    interruptions: int = 0
    launched: int = 0
    tokens: int = 0
    thrown_away: int = 0
    naive_tokens: int = 0
    naive_thrown_away: int = 0

    @property
    def share(self) -> float:
        return self.thrown_away / self.tokens if self.tokens else 0.0

    @property
    def naive_share(self) -> float:
        return self.naive_thrown_away / self.naive_tokens if self.naive_tokens else 0.0


def play_interrupted(
    folder: Path, seed: int, guarantee: Guarantee, items: int = 200, every: int = 50
) -> Waste:
    """After every so many finished items the runner is killed, and one run of those in flight is
    lost with it; whoever comes next goes on."""
    scene = Scene(folder, seed, guarantee, share=0.0)
    try:
        batch = scene.submit(items, parallel=8)
        waste = Waste(items)
        for done in range(every, items, every):
            _play_until(scene, batch, done)
            waste.interruptions += _lose_one(scene)
        Drive(scene.runner(batch), until_at=scene.clock.utc_ms() + 100 * _NIGHT_MS).run()
        _weigh(scene, batch, waste)
    finally:
        scene.close()
    _weigh_naive(waste, every)
    return waste


def _play_until(scene: Scene, batch: Batch, done: int) -> None:
    """A runner works until so many jobs have succeeded, and is killed: it never gets to let go."""
    runner = scene.runner(batch)
    while counters.used(scene.store.session, counting.succeeded(batch.number)) < done:
        runner.turn()
        runner.tools.dispatcher.wait(runner.next_wake_ms())


def _lose_one(scene: Scene) -> int:
    now = scene.clock.boot_ms()
    living = [run for run in scene.remote.runs.values() if run.over_at > now]
    interrupt(scene.chance.choice(living), scene.chance, is_forgotten=False, after=now)
    return 1


def _weigh(scene: Scene, batch: Batch, waste: Waste) -> None:
    kept = {job.handle for job in scene.jobs(batch) if job.state == "succeeded"}
    assert len(kept) == waste.items, "every item has one run that counts"
    now = scene.clock.boot_ms()
    for handle, run in scene.remote.runs.items():
        used = tokens_of(run, now)
        waste.launched += 1
        waste.tokens += used
        waste.thrown_away += 0 if handle in kept else used


def _weigh_naive(waste: Waste, every: int) -> None:
    """A loop without memory begins at the first item again after each interruption."""
    per_item = (waste.tokens - waste.thrown_away) // waste.items
    again = sum(range(every, waste.items, every)) * per_item
    waste.naive_thrown_away = again
    waste.naive_tokens = waste.items * per_item + again
