"""The processes of a simulation, and the line between each of them and the rest of the world."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from bydawn.core.decide import Fact
from bydawn.core.later import Later
from bydawn.runner.awaited import Awaited, Ticket, carried_out
from bydawn.runner.dispatch import Call
from bydawn.runner.runner import Runner
from bydawn.testing.crashpoints import Crash, Points
from bydawn.testing.machines import Machine
from bydawn.testing.nights import Night
from bydawn.testing.virtual import HandWoundClock


@dataclass(slots=True)
class Process:
    """One runner's process. ``epoch`` makes turns that were planned earlier void; ``lingers``: it
    is over, but calls it had begun may still be carried out."""

    number: int
    machine: Machine
    points: Points
    runner: Runner | None = None
    names: set[str] = field(default_factory=set)
    is_alive: bool = True
    asleep_until: int = 0
    epoch: int = 0
    done: list[tuple[Ticket, Fact]] = field(default_factory=list)
    out: int = 0
    lingers: bool = False

    def wakes_at(self) -> int:
        """In the world's time; in the past while it is awake."""
        return max(self.asleep_until, self.machine.asleep_until)


class World(Protocol):
    """What a process of the simulation needs of the rest of it."""

    clock: HandWoundClock
    night: Night
    is_faulty: bool

    def at(self, moment: int, act: Callable[[], None]) -> None: ...

    def after_latency(self, act: Callable[[], None]) -> None: ...

    def plan_turn(self, process: Process, in_ms: int) -> None: ...

    def bury(self, process: Process) -> None: ...


class Network:
    """A dispatcher whose calls set out late and answer later, unless their process dies."""

    def __init__(self, simulation: World, process: Process) -> None:
        self._simulation, self._process = simulation, process
        self._random = random.Random(f"{simulation.night.seed}/calls/{process.number}")
        self._awaited = Awaited(self._answer)

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
        if not (process.is_alive or process.lingers):
            return
        if simulation.clock.boot_ms() < process.wakes_at() or self._nods_off():
            simulation.at(process.wakes_at(), lambda: self._set_out(ticket, call))
            return
        try:
            fact = carried_out(call)
        except Crash:
            simulation.bury(process)
            return
        if isinstance(fact, Later):
            self._await(ticket, fact)
        else:
            self._answer(ticket, fact)

    def _await(self, ticket: Ticket, later: Later) -> None:
        clock = self._simulation.clock
        self._awaited.hear(ticket, later, clock.boot_ms())
        overdue_at = clock.boot_ms() + later.patience_ms
        self._simulation.at(overdue_at, lambda: self._awaited.give_up(clock.boot_ms()))

    def _answer(self, ticket: Ticket, fact: Fact) -> None:
        self._simulation.after_latency(lambda: self._arrive(ticket, fact))

    def _nods_off(self) -> bool:
        """Asleep between what is committed and the call it led to: others may take over meanwhile,
        and the call is still to be made when it wakes."""
        often, simulation = self._simulation.night.stalls, self._simulation
        if not often or not simulation.is_faulty or self._random.random() >= often:
            return False
        asleep_ms = self._random.choice((15_000, 40_000))
        self._process.asleep_until = simulation.clock.boot_ms() + asleep_ms
        return True

    def _arrive(self, ticket: Ticket, fact: Fact) -> None:
        if self._process.is_alive:
            self._process.done.append((ticket, fact))
            self._simulation.plan_turn(self._process, 0)
