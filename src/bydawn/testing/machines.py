"""The machines of a simulated night: their clocks are set, they sleep, they start anew."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import dataclass

from bydawn.testing.clocks import MachineClock
from bydawn.testing.virtual import HandWoundClock

_JUMPS_MS = (-120_000, -10_000, 10_000, 3_600_000)
_SLEEPS_MS = (30_000, 3_600_000)


@dataclass(slots=True)
class Machine:
    """Where processes live. While it is suspended nothing of it goes on."""

    name: str
    clock: MachineClock
    asleep_until: int = 0


class Machines:
    """All machines of a night, each with how far its wall clock is ahead and its clock's pace.
    ``met`` counts what happens to them."""

    def __init__(
        self,
        clocks: tuple[tuple[int, int], ...],
        world: HandWoundClock,
        chance: random.Random,
        met: Counter[str],
    ) -> None:
        self._world, self._random, self._met = world, chance, met
        self.all = [
            Machine(f"m_{number + 1}", MachineClock(world, ahead, pace))
            for number, (ahead, pace) in enumerate(clocks)
        ]

    @property
    def first(self) -> Machine:
        return self.all[0]

    def of_process(self, number: int) -> Machine:
        """Processes start on one machine after the other."""
        return self.all[number % len(self.all)]

    def now(self) -> int:
        """The latest wall clock of all."""
        return max(machine.clock.utc_ms() for machine in self.all)

    def jump(self) -> None:
        """Somebody sets a wall clock."""
        self._met["clock:jump"] += 1
        jump = self._random.choice(_JUMPS_MS)
        self._some().clock.jump(jump)

    def suspend(self) -> None:
        """A lid is closed; the world goes on."""
        self._met["machine:suspended"] += 1
        until = self._world.boot_ms() + self._random.choice(_SLEEPS_MS)
        self._some().asleep_until = until

    def reboot(self) -> Machine:
        """One machine starts anew; which."""
        self._met["machine:rebooted"] += 1
        machine = self._some()
        machine.clock.reboot()
        machine.asleep_until = 0
        return machine

    def _some(self) -> Machine:
        return self.first if len(self.all) == 1 else self._random.choice(self.all)
