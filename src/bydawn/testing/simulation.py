"""Deterministic simulation: several real loops over one real store, in virtual time, from one seed.

The loops, the store and its file are the product's own; time, chance, the service, the network
between them and the people are played. The store is not durable here, for speed: a simulated crash
loses a process, not the power, and what power loss does is proved elsewhere.
"""

from __future__ import annotations

import heapq
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from bydawn.core.decide import Fact
from bydawn.runner.dispatch import Call, Ticket, carried_out
from bydawn.runner.joining import is_joined, kept_for_good
from bydawn.runner.runner import Runner
from bydawn.runner.scope import Scope
from bydawn.runner.tools import Tools
from bydawn.store.runners import Registered
from bydawn.store.sqlite import forgo_durability
from bydawn.store.store import Store, open_store
from bydawn.testing.crashpoints import Crash, CrashingBackend, Points, crashing
from bydawn.testing.invariants import Violation, all_jobs, check_joined, check_now
from bydawn.testing.nights import Night
from bydawn.testing.people import People
from bydawn.testing.remote import Remote, RemoteBackend
from bydawn.testing.virtual import HandWoundClock, SeededChance

_LOOK_MS = 2_000
_TURNS_AT_ONCE = 300
_TURNS_AT_MOST = 40_000
_PATIENCE_MS = 4 * 3_600_000


@dataclass(slots=True)
class Process:
    """One runner's process. ``epoch`` makes turns that were planned earlier void."""

    number: int
    points: Points
    runner: Runner | None = None
    names: set[str] = field(default_factory=set)
    is_alive: bool = True
    asleep_until: int = 0
    epoch: int = 0
    done: list[tuple[Ticket, Fact]] = field(default_factory=list)
    out: int = 0


class _Network:
    """A dispatcher whose calls set out late and answer later, unless their process dies."""

    def __init__(self, simulation: Simulation, process: Process) -> None:
        self._simulation, self._process = simulation, process

    def send(self, ticket: Ticket, call: Call, prompt: bool) -> None:
        del prompt
        self._process.out += 1
        self._simulation.after_latency(lambda: self._set_out(ticket, call))

    def drain(self) -> list[tuple[Ticket, Fact]]:
        done, self._process.done = self._process.done, []
        self._process.out -= len(done)
        return done

    def outstanding(self) -> int:
        return self._process.out

    def wait(self, timeout_ms: int | None) -> None:
        """The simulation itself waits."""

    def wake(self) -> None:
        """Nobody waits."""

    def close(self) -> None:
        """Nothing is held."""

    def _set_out(self, ticket: Ticket, call: Call) -> None:
        process, simulation = self._process, self._simulation
        if not process.is_alive:
            return
        if simulation.clock.boot_ms() < process.asleep_until:
            simulation.at(process.asleep_until, lambda: self._set_out(ticket, call))
            return
        try:
            fact = carried_out(call)
        except Crash:
            simulation.bury(process)
            return
        simulation.after_latency(lambda: self._arrive(ticket, fact))

    def _arrive(self, ticket: Ticket, fact: Fact) -> None:
        if self._process.is_alive:
            self._process.done.append((ticket, fact))
            self._simulation.plan_turn(self._process, 0)


class Simulation:
    """One night. ``run`` plays it to its end and raises Violation where an invariant broke."""

    def __init__(self, night: Night, folder: Path) -> None:
        self.night, self._folder = night, folder
        self.random = random.Random(f"{night.seed}/world")
        self.clock = HandWoundClock()
        self.remote = Remote(
            self.clock, random.Random(f"{night.seed}/service"), night.guarantee, night.troubles
        )
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
        self._is_faulty, self.remote.is_kind = False, True
        self.people.rest()
        self.at(self.clock.boot_ms(), self._start)

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
            check_now(self.store, self.people.keys, self.people.terms, self.people.batch)
            if self._is_through(process.runner):
                check_joined(all_jobs(self.store, self.people.keys))
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
        store = open_store(self._folder / "store.db", self.clock, "s_simulated")
        forgo_durability(store.session)
        self._stores.append(store)
        return store

    def _runner(self, process: Process, store: Store) -> Runner:
        backend = CrashingBackend(RemoteBackend(self.remote), process.points)
        tools = Tools(
            clock=self.clock,
            chance=SeededChance(self.night.seed * 1_000 + process.number),
            dispatcher=_Network(self, process),
            backends={"remote": lambda _: backend},
            state_folder=self._folder,
            machine="m_1",
            pid=process.number,
            environment={},
            appear=process.names.add,
            is_dead_here=self._is_dead,
            look_ms=_LOOK_MS,
        )
        batch = self.people.batch
        return Runner(store, Scope(store, lambda: [batch]), tools, f"r_{process.number}")
