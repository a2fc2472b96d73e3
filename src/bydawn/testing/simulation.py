"""Deterministic simulation: several real loops over one real store, in virtual time, from one seed.

The loops, the store and its file are the product's own; time, chance, the service, the network
between them and the people are played. The store is not durable here, for speed: a simulated crash
loses a process, not the power, and what power loss does is proved elsewhere.
"""

from __future__ import annotations

import heapq
import random
from collections.abc import Callable
from pathlib import Path

from bydawn.runner.joining import is_joined, kept_for_good
from bydawn.runner.runner import Runner
from bydawn.runner.scope import Scope
from bydawn.runner.tools import Tools
from bydawn.store.runners import Registered
from bydawn.store.store import Store
from bydawn.testing.crashpoints import Crash, CrashingBackend, Points, crashing
from bydawn.testing.finishing import Finishing
from bydawn.testing.ground import InFile, Opener
from bydawn.testing.invariants import Violation, all_jobs, check_joined, check_now
from bydawn.testing.network import Network, Process
from bydawn.testing.nights import Night
from bydawn.testing.people import People
from bydawn.testing.remote import LATE_MS, Remote, RemoteBackend
from bydawn.testing.virtual import HandWoundClock, SeededChance

_LOOK_MS = 2_000
_TURNS_AT_ONCE = 300
_TURNS_AT_MOST = 40_000
_PATIENCE_MS = 4 * 3_600_000


class Simulation:
    """One night. ``run`` plays it to its end and raises Violation where an invariant broke."""

    def __init__(self, night: Night, folder: Path, opener: Opener | None = None) -> None:
        """``opener`` makes one more connection to the night's store, where it is not a file."""
        self.night, self._folder = night, folder
        self._opener = opener or InFile(folder)
        self.random = random.Random(f"{night.seed}/world")
        self.clock = HandWoundClock()
        self.remote = Remote(
            self.clock, random.Random(f"{night.seed}/service"), night.guarantee, night.troubles
        )
        self.finishing = Finishing(
            self.clock, random.Random(f"{night.seed}/finishing"), night.obstacles, folder
        )
        if any(spec.publish for spec in night.specs):
            self.remote.on_accepted = self.finishing.draft
        self.remote.is_late = self._is_late
        self._stores: list[Store] = []
        self.store = self._open()
        self.processes: list[Process] = []
        self.turns = 0
        self._is_faulty = True
        self._is_napping = False
        self._heap: list[tuple[int, int, Callable[[], None]]] = []
        self._planned = 0
        self._at_once = (0, 0)
        self.people = People(night, self.store, self.clock, random.Random(f"{night.seed}/people"))

    def run(self) -> None:
        """Play the night, let the troubles end, and see everything joined in bounded time."""
        self.people.open_batch()
        began = self.clock.boot_ms()
        for _ in range(self.night.runners):
            self.at(began + self.random.randrange(5_000), self._start)
        for _ in range(self.night.people):
            self.at(began + self.random.randrange(self.night.lasts_ms), self._interfere)
        for _ in range(self.night.jumps):
            self.at(began + self.random.randrange(self.night.lasts_ms), self._jump)
        self.at(began + self.night.lasts_ms, self._calm_down)
        self._play(began + self.night.lasts_ms + _PATIENCE_MS)

    def close(self) -> None:
        """Let go of every connection."""
        for store in self._stores:
            store.close()

    # The course of time

    def at(self, moment: int, act: Callable[[], None]) -> None:
        self._planned += 1
        heapq.heappush(self._heap, (moment, self._planned, act))

    def after_latency(self, act: Callable[[], None]) -> None:
        delay = self.random.randrange(self.night.latency_ms)
        self.at(self.clock.boot_ms() + delay, act)

    def _play(self, until: int) -> None:
        while self._heap:
            if self._heap[0][0] > until:
                raise Violation("I19", "it is not joined long after the last trouble")
            self._next()

    def _next(self) -> None:
        moment, _, act = heapq.heappop(self._heap)
        self.clock.wind(max(0, moment - self.clock.boot_ms()))
        act()

    def _nap(self, process: Process) -> None:
        """A pause in the worst place, between a decision and its write; the world goes on."""
        if self._is_napping or not self._is_faulty or self.random.random() >= self.night.pause:
            return
        self._is_napping = True
        process.asleep_until = self.clock.boot_ms() + self.random.choice((2_000, 15_000, 40_000))
        while self._heap and self._heap[0][0] < process.asleep_until:
            self._next()
        self.clock.wind(max(0, process.asleep_until - self.clock.boot_ms()))
        self._is_napping = False

    def _calm_down(self) -> None:
        """The troubles are over: from here on everything must come to its end."""
        self._is_faulty = False
        self.remote.is_kind = self.finishing.is_kind = True
        self.people.rest()
        self.at(self.clock.boot_ms(), self._start)

    def _is_late(self, arrive: Callable[[], None]) -> bool:
        """A request may reach the service after its sender has given it up, or is dead."""
        late = self.finishing.happens(self.night.obstacles.arrives_late)
        if late:
            self.at(self.clock.boot_ms() + self.random.randrange(LATE_MS), arrive)
        return late

    def _jump(self) -> None:
        self.clock.jump(self.random.choice((-120_000, -10_000, 10_000, 3_600_000)))

    def _interfere(self) -> None:
        if self.people.act() == "run":
            self._start()

    # Processes

    def plan_turn(self, process: Process, in_ms: int) -> None:
        process.epoch += 1
        epoch, moment = process.epoch, max(self.clock.boot_ms() + in_ms, process.asleep_until)
        self.at(moment, lambda: self._turn(process, epoch))

    def bury(self, process: Process) -> None:
        """It is dead; somebody starts another one after a while."""
        process.is_alive = False
        self.at(self.clock.boot_ms() + self.random.randrange(30_000), self._start)

    def _start(self) -> None:
        process = Process(len(self.processes) + 1, Points(self._dies))
        process.points.nap = lambda: self._nap(process)
        self.processes.append(process)
        store = self._open()
        store.session = crashing(store.session, process.points)
        try:
            process.runner = self._runner(process, store)
            process.runner.start()
        except Crash:
            self.bury(process)
            return
        self.plan_turn(process, 0)

    def _turn(self, process: Process, epoch: int) -> None:
        if not process.is_alive or epoch != process.epoch or process.runner is None:
            return
        if self.clock.boot_ms() < process.asleep_until:
            self.plan_turn(process, 0)
            return
        if self._falls_asleep(process):
            return
        self._count_turn()
        try:
            process.runner.turn()
            if self.store.session.changed_elsewhere():
                check_now(self.store, self.people.keys, self.people.terms, self.people.batch)
            if self._is_through(process.runner):
                check_joined(all_jobs(self.store, self.people.batch, self.people.keys))
                process.runner.leave()
                process.is_alive = False
                return
        except Crash:
            self.bury(process)
            return
        self.plan_turn(process, process.runner.next_wake_ms())

    def _falls_asleep(self, process: Process) -> bool:
        """A pause of any length: the machine swaps, the lid is closed, a debugger holds it."""
        if not self._is_faulty or self.random.random() >= self.night.pause:
            return False
        asleep = self.random.choice((500, 5_000, 40_000))
        process.asleep_until = self.clock.boot_ms() + asleep
        self.plan_turn(process, asleep)
        return True

    def _is_through(self, runner: Runner) -> bool:
        if runner.is_busy() or not runner.is_quiet():
            return False
        for number, served in runner.scope.served.items():
            if not is_joined(runner.store, served, self.clock.utc_ms()):
                return False
            why = kept_for_good(served)
            if why:
                runner.store.keep_back(number, why)
        return True

    def _count_turn(self) -> None:
        self.turns += 1
        moment, count = self._at_once
        now = self.clock.boot_ms()
        self._at_once = (now, count + 1 if now == moment else 0)
        if self._at_once[1] > _TURNS_AT_ONCE or self.turns > _TURNS_AT_MOST:
            raise Violation("I19", "a loop turns and turns and time stands still")

    def _dies(self, _number: int, _name: str) -> bool:
        return self.random.random() < self.night.crash and self._is_faulty

    def _is_dead(self, runner: Registered) -> bool:
        """What the presence locks of one machine prove; off where only the lease may tell."""
        if not self.night.sees_deaths:
            return False
        return not any(one.is_alive and runner.id in one.names for one in self.processes)

    def _open(self) -> Store:
        store = self._opener(self.clock)
        self._stores.append(store)
        return store

    def _runner(self, process: Process, store: Store) -> Runner:
        backend = CrashingBackend(RemoteBackend(self.remote), process.points)
        tools = Tools(
            clock=self.clock,
            chance=SeededChance(self.night.seed * 1_000 + process.number),
            dispatcher=Network(self, process),
            backends={"remote": lambda _: backend},
            state_folder=self._folder,
            machine="m_1",
            pid=process.number,
            environment={},
            checks=self.finishing,
            gate_of=lambda publication, *_: self.finishing.gate(publication, process.points),
            appear=process.names.add,
            is_dead_here=self._is_dead,
            look_ms=_LOOK_MS,
        )
        batch = self.people.batch
        return Runner(store, Scope(store, lambda: [batch]), tools, f"r_{process.number}")
