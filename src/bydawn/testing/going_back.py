"""The store of a simulated night goes back in time: a backup is made at one moment and put back at
a later one, with every process ended, and ``db recover`` is carried out before anything runs."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from typing import Protocol

from bydawn.app.keeping.recovering import Recovered, recovered
from bydawn.core.errors import StoreUnavailable
from bydawn.core.model import Job, OnDoubt
from bydawn.core.sightings import Guarantee
from bydawn.core.states import State
from bydawn.store import audit, putting_back
from bydawn.store.read import EventRow
from bydawn.store.store import Store
from bydawn.testing.disturbed import Weather
from bydawn.testing.ground import Opener
from bydawn.testing.invariants import all_jobs, demand, issues_token, journal
from bydawn.testing.machines import Machines
from bydawn.testing.network import Process
from bydawn.testing.nights import Night
from bydawn.testing.people import People
from bydawn.testing.remote import LATE_MS, Remote
from bydawn.testing.virtual import HandWoundClock

_TYPING_MS = 30_000
_AGAIN_MS = 3_000
_MAY_RUN = (State.QUEUED, State.LAUNCHING, State.RUNNING)


class Backups(Protocol):
    """Where the store lies; the newest backup is what is put back, while nothing is connected."""

    def back_up(self) -> None: ...

    def put_back(self) -> None: ...


class World(Protocol):
    """What going back needs of the rest of the simulation."""

    night: Night
    clock: HandWoundClock
    machines: Machines
    remote: Remote
    people: People
    processes: list[Process]
    is_faulty: bool
    met: Counter[str]
    weather: Weather

    def at(self, moment: int, act: Callable[[], None]) -> None: ...

    def bury(self, process: Process) -> None: ...

    def reopen(self, meanwhile: Callable[[], None]) -> Store: ...

    def start(self) -> None: ...


class GoingBack:
    """All times a night's store went back. ``is_on``: it lies there old, and nothing may start;
    ``lost``: what was told and is no longer known; ``highest``: for each time the end of the
    journal and the highest token anybody had been given."""

    def __init__(self, world: World, opener: Opener) -> None:
        self._world, self._opener = world, opener
        self._random = random.Random(f"{world.night.seed}/backups")
        self._has_backup = False
        self.is_on = False
        self.lost: list[EventRow] = []
        self.highest: list[tuple[int, int]] = []

    def plan(self, began: int, lasts_ms: int) -> None:
        """Draw the moments of every backup, and those of its return."""
        for _ in range(self._world.night.backups):
            made = self._random.randrange(lasts_ms)
            back = self._random.randrange(made, self._random.choice((made + 5_000, lasts_ms + 1)))
            self._world.at(began + made, self._back_up)
            self._world.at(began + back, self._put_back)

    def _back_up(self) -> None:
        if not self.is_on:
            self._backups().back_up()
            self._has_backup = True

    def _backups(self) -> Backups:
        """Only where a store can go back is this asked for."""
        backups: Backups = self._opener  # type: ignore[assignment]
        return backups

    def _put_back(self) -> None:
        if self.is_on or not self._has_backup:
            return
        world = self._world
        self.is_on = True
        for process in world.processes:
            process.lingers = False
            if process.is_alive:
                world.bury(process)
        told = journal(world.people.store, world.people.batch)
        store = world.reopen(self._backups().put_back)
        self._forget(told, store)
        # What is still on its way arrives before anybody has typed the command.
        self._try_in(LATE_MS + self._random.randrange(self._random.choice((1, _TYPING_MS))))

    def _forget(self, told: list[EventRow], store: Store) -> None:
        head = audit.head(store.session)
        head = audit.head(store.session)
        last = head.seq if head else 0
        self._world.weather.forget(last)
        self.lost += [event for event in told if event.seq > last]
        tokens = [event.token or 0 for event in (*told, *self.lost)]
        self.highest.append((last, max(tokens, default=0)))

    def _try_in(self, ms: int) -> None:
        self._world.at(self._world.clock.boot_ms() + ms, self._recover)

    def _recover(self) -> None:
        world = self._world
        store = world.people.store
        if self._somebody_seems_alive(store):
            world.met["recover:refused"] += 1
            self._try_in(_AGAIN_MS)
            return
        try:
            found = self._recovered(store)
        except StoreUnavailable:
            self._try_in(_AGAIN_MS)
            return
        world.remote.era += 1
        self._count(found)
        people = world.people
        check_parked(all_jobs(store, people.batch, people.keys), world.night, world.remote)
        self.is_on = False
        self._take_up()

    def _take_up(self) -> None:
        """Somebody says ``run`` again, with the plan as it is by now."""
        self._world.people.open_batch()
        if not self._world.is_faulty:
            self._world.people.rest()
        self._world.start()

    def _somebody_seems_alive(self, store: Store) -> bool:
        """Nobody is; but only locks, or the lease, can prove it."""
        return not self._world.night.sees_deaths and bool(store.unlapsed_runners())

    def _recovered(self, store: Store) -> Recovered:
        machines, remote = self._world.machines, self._world.remote
        known = putting_back.machines(store.session)
        is_only = len(machines.all) == 1 and known == {machines.first.name}

        def claims(job: Job) -> set[int]:
            return {run.generation for run in remote.of_job(job.job_id)}

        nonce = self._world.people.nonce
        guarantee = remote.guarantee.value
        return recovered(store, lambda _: guarantee, claims if is_only else None, nonce)

    def _count(self, found: Recovered) -> None:
        met = self._world.met
        met["store:gone back"] += 1
        met["recover:parked"] += bool(found.parked)
        met["recover:goes on"] += bool(found.left)


def check_parked(jobs: list[Job], night: Night, remote: Remote) -> None:
    """What cannot be known is parked, before anything runs."""
    specs = {spec.id: spec for spec in night.specs}
    for job in jobs:
        is_left = specs[job.template].on_doubt is OnDoubt.RELAUNCH
        if is_left or remote.guarantee is Guarantee.LOCAL_CLAIM:
            continue
        demand(job.state not in _MAY_RUN, "I2", f"{job.name} is {job.state} in a store put back")


def check_gone_back(events: list[EventRow], back: GoingBack, jumps: int) -> None:
    """I4: numbers go on above all that were ever given out, also those the store forgot; those of
    an earlier return of the same backup only where nobody set the clock back meanwhile."""
    for last, highest in back.highest[:1] if jumps else back.highest:
        for event in events:
            if event.seq > last and event.token is not None and issues_token(event):
                story = f"{event.job}: {event.kind} under {event.token}, {highest} was given out"
                demand(event.token > highest, "I4", story)
