"""Deterministic simulation: several real loops over one real store, in virtual time, from one seed.

The loops, the store and its statements are the product's own; time, chance, the machines, the
service, the network between them and the people are played. The store is not durable here, for
speed: a simulated crash loses a process, not the power; what power loss does is proved elsewhere.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from bydawn.core.errors import StoreUnavailable
from bydawn.runner.joining import are_all_joined, tell_kept_back
from bydawn.runner.runner import Runner
from bydawn.runner.scope import Scope
from bydawn.runner.tools import Tools
from bydawn.store.runners import Registered
from bydawn.store.store import Store
from bydawn.testing.clocks import ServerClock
from bydawn.testing.connections import Connections
from bydawn.testing.counted import check_now
from bydawn.testing.course import Course, Turns
from bydawn.testing.crashpoints import Crash, CrashingBackend, Points, crashing
from bydawn.testing.disturbed import Weather
from bydawn.testing.finishing import Finishing
from bydawn.testing.going_back import GoingBack
from bydawn.testing.ground import InFile, Opener
from bydawn.testing.invariants import Violation, all_jobs, check_joined
from bydawn.testing.machines import Machine, Machines
from bydawn.testing.network import Network, Process
from bydawn.testing.nights import Night
from bydawn.testing.people import People
from bydawn.testing.remote import LATE_MS, Remote
from bydawn.testing.remote_backend import AnsweringLater
from bydawn.testing.virtual import SeededChance

_LOOK_MS = 2_000
_PATIENCE_MS = 8 * 3_600_000


class Simulation:
    """One night. ``run`` plays it to its end and raises Violation where an invariant broke; ``met``
    counts the situations that came up."""

    def __init__(self, night: Night, folder: Path, opener: Opener | None = None) -> None:
        """``opener`` makes one more connection to the night's store, where it is not a file."""
        self.night, self._folder = night, folder
        self.random = random.Random(f"{night.seed}/world")
        self.course = Course()
        self.clock = self.course.clock
        self.met: Counter[str] = Counter()
        self.weather = Weather(random.Random(f"{night.seed}/store"), self.met)
        self.machines = Machines(night.machines, self.clock, self.random, self.met)
        judge = ServerClock(self.clock) if len(night.machines) > 1 else None
        opener = opener or InFile(folder)
        self._stores = Connections(opener, judge, night.store, self.weather)
        chance = random.Random(f"{night.seed}/service")
        self.remote = Remote(self.clock, chance, night.guarantee, night.troubles, night.longest_ms)
        self.remote.lists, self.remote.tells_time = night.lists, night.is_on_time
        self.finishing = Finishing(
            self.clock, random.Random(f"{night.seed}/finishing"), night.obstacles, folder
        )
        self.remote.met = self.finishing.origin.met = self.met
        if any(spec.publish for spec in night.specs):
            self.remote.on_accepted = self.finishing.draft
        self.remote.is_late, self.remote.later = self._is_late, self._later
        self.finishing.delays = self._is_late
        self.store = self._stores.open(self.machines.first.clock)
        self.processes: list[Process] = []
        self.turns = Turns()
        self.is_faulty = True
        self._is_napping = False
        clock = self.machines.first.clock
        self.people = People(night, self.store, clock, random.Random(f"{night.seed}/people"))
        self.back = GoingBack(self, opener)

    def run(self) -> None:
        """Play the night to its end: the troubles end, and everything is joined in bounded time;
        or, where they never end, it is broken off."""
        self.people.open_batch()
        began = self.clock.boot_ms()
        for _ in range(self.night.runners):
            self.at(began + self.random.randrange(5_000), self.start)
        for act, times in self._turmoil():
            for _ in range(times):
                self.at(began + self.random.randrange(self.night.lasts_ms), act)
        self.back.plan(began, self.night.lasts_ms)
        until = began + self.night.lasts_ms
        if self.night.never_ends:
            self.course.play(until)
            return
        self.at(until, self._calm_down)
        self.course.play(until + _PATIENCE_MS)
        if not self.course.is_over:
            raise Violation("I19", "it is not joined long after the last trouble")

    def close(self) -> None:
        """Let go of every connection."""
        self._stores.close()
        self.finishing.close()

    def reopen(self, meanwhile: Callable[[], None]) -> Store:
        """Let go of the store, and come back to what it is then."""
        self.store = self._stores.reopened(self.machines.first.clock, meanwhile)
        self.people.store = self.store
        return self.store

    # What happens to machines, and what people do

    def _turmoil(self) -> list[tuple[Callable[[], None], int]]:
        night = self.night
        return [
            (self._interfere, night.people),
            (self.machines.jump, night.jumps),
            (self.machines.suspend, night.suspends),
            (self._reboot, night.reboots),
        ]

    def _interfere(self) -> None:
        if self.back.is_on:
            return
        deed = self.people.act()
        self.met[f"person:{deed}"] += 1
        if deed == "run":
            self.start()

    def _reboot(self) -> None:
        """Everything that lived there is gone, local runs too."""
        machine = self.machines.reboot()
        for process in self.processes:
            if process.is_alive and process.machine is machine:
                self.bury(process)
        self.remote.lose_local_runs()

    # The course of time

    def at(self, moment: int, act: Callable[[], None]) -> None:
        self.course.at(moment, act)

    def after_latency(self, act: Callable[[], None]) -> None:
        delay = self.random.randrange(self.night.latency_ms)
        self.at(self.clock.boot_ms() + delay, act)

    def _nap(self, process: Process, often: float) -> None:
        """A pause in the worst place, between a decision and its write; the world goes on."""
        if self._is_napping or not self.is_faulty or self.random.random() >= often:
            return
        self._is_napping = True
        process.asleep_until = self.clock.boot_ms() + self.random.choice((2_000, 15_000, 40_000))
        self.course.play(process.asleep_until - 1)
        self.course.wind_to(process.asleep_until)
        self._is_napping = False
        if not process.is_alive:
            raise Crash("its machine was started anew while it slept")

    def _calm_down(self) -> None:
        """The troubles are over: from here on everything must come to its end."""
        self.is_faulty = False
        self.remote.is_kind = self.finishing.is_kind = self.weather.is_kind = True
        if not self.back.is_on:
            self.people.rest()
        self.at(self.clock.boot_ms(), self.start)

    def _is_late(self, arrive: Callable[[], None]) -> bool:
        """A request may reach the service after its sender has given it up, or is dead."""
        late = self.finishing.happens(self.night.obstacles.arrives_late)
        if late:
            self._later(arrive)
        return late

    def _later(self, arrive: Callable[[], None]) -> None:
        self.at(self.clock.boot_ms() + self.random.randrange(LATE_MS), arrive)

    # Processes

    def plan_turn(self, process: Process, in_ms: int) -> None:
        process.epoch += 1
        epoch, moment = process.epoch, max(self.clock.boot_ms() + in_ms, process.wakes_at())
        self.at(moment, lambda: self._turn(process, epoch))

    def bury(self, process: Process) -> None:
        """It is dead; somebody starts another one after a while."""
        process.is_alive = False
        self.at(self.clock.boot_ms() + self.random.randrange(30_000), self.start)

    def start(self) -> None:
        """One more process, on one machine or the next."""
        if self.back.is_on:
            return
        number = len(self.processes) + 1
        machine = self.machines.of_process(number)
        process = Process(number, machine, Points(self._dies))
        pause = self.night.pause
        process.points.nap = lambda: self._nap(process, pause)
        process.points.hesitate = lambda: self._nap(process, max(pause, self.night.hesitates))
        self.processes.append(process)
        store = self._stores.open(machine.clock)
        store.session = crashing(store.session, process.points)
        try:
            process.runner = self._runner(process, store)
            process.runner.start()
        except (Crash, StoreUnavailable):
            self.bury(process)
            return
        self.plan_turn(process, 0)

    def _turn(self, process: Process, epoch: int) -> None:
        if not process.is_alive or epoch != process.epoch or process.runner is None:
            return
        if self.clock.boot_ms() < process.wakes_at():
            self.plan_turn(process, 0)
            return
        if self._falls_asleep(process):
            return
        self.turns.add(self.clock.boot_ms())
        try:
            self._turned(process, process.runner)
        except Crash:
            self.bury(process)
        except StoreUnavailable:
            self._give_up(process, process.runner)

    def _turned(self, process: Process, runner: Runner) -> None:
        runner.turn()
        people = self.people
        if self.store.session.changed_elsewhere():
            check_now(self.store, people.keys, people.terms, people.batch)
        if self._is_through(process, runner):
            runner.leave()
            process.is_alive = False
            return
        self.plan_turn(process, process.machine.clock.in_world_ms(runner.next_wake_ms()))

    def _give_up(self, process: Process, runner: Runner) -> None:
        """What a process does where its store is not to be had: it lets go and ends. Calls that its
        threads have begun may still be made."""
        process.lingers = True
        try:
            runner.leave()
        except (Crash, StoreUnavailable):
            self.met["process:ended without leave"] += 1
        self.bury(process)

    def _falls_asleep(self, process: Process) -> bool:
        """A pause of any length: the machine swaps, the lid is closed, a debugger holds it."""
        if not self.is_faulty or self.random.random() >= self.night.pause:
            return False
        asleep = self.random.choice((500, 5_000, 40_000))
        process.asleep_until = self.clock.boot_ms() + asleep
        self.plan_turn(process, asleep)
        return True

    def _is_through(self, process: Process, runner: Runner) -> bool:
        if runner.is_busy() or not runner.is_quiet():
            return False
        if not are_all_joined(runner, process.machine.clock.utc_ms()):
            return False
        check_joined(all_jobs(self.store, self.people.batch, self.people.keys))
        tell_kept_back(runner)
        return True

    def _dies(self, _number: int, _name: str) -> bool:
        return self.random.random() < self.night.crash and self.is_faulty

    # The store

    def _is_dead(self, machine: Machine, runner: Registered) -> bool:
        """What the presence locks of one machine prove; off where only the lease may tell."""
        if not self.night.sees_deaths or runner.machine != machine.name:
            return False
        return not any(one.is_alive and runner.id in one.names for one in self.processes)

    def _runner(self, process: Process, store: Store) -> Runner:
        remote = AnsweringLater(self.remote, f"{self.night.seed}/{process.number}")
        backend = CrashingBackend(remote, process.points)
        machine, batch = process.machine, self.people.batch
        tools = Tools(
            clock=machine.clock,
            chance=SeededChance(self.night.seed * 1_000 + process.number),
            dispatcher=Network(self, process),
            backends={"remote": lambda _: backend},
            state_folder=self._folder,
            machine=machine.name,
            pid=process.number,
            environment={},
            checks=self.finishing,
            gate_of=lambda publication, *_: self.finishing.gate(publication, process.points),
            appear=process.names.add,
            is_dead_here=lambda runner: self._is_dead(machine, runner),
            look_ms=_LOOK_MS,
        )
        return Runner(store, Scope(store, lambda: [batch]), tools, f"r_{process.number}")
