"""The course of a simulated night: everything that is planned, in the order of its time."""

from __future__ import annotations

import heapq
from collections.abc import Callable

from bydawn.testing.virtual import HandWoundClock

Act = Callable[[], None]

_AT_ONCE = 300
_AT_MOST = 40_000


class Spinning(Exception):
    """A loop turns and turns and time stands still."""


class Turns:
    """Counts the turns of all loops."""

    def __init__(self) -> None:
        self.count = 0
        self._at, self._at_once = 0, 0

    def add(self, now: int) -> None:
        """One more, at this moment; Spinning where there are too many."""
        self.count += 1
        self._at_once = self._at_once + 1 if now == self._at else 0
        self._at = now
        if self._at_once > _AT_ONCE or self.count > _AT_MOST:
            raise Spinning("a loop turns and turns and time stands still")


class Course:
    """The world's clock, and what is to happen when."""

    def __init__(self) -> None:
        self.clock = HandWoundClock()
        self._planned: list[tuple[int, int, Act]] = []
        self._count = 0

    @property
    def is_over(self) -> bool:
        """Nothing is to happen any more."""
        return not self._planned

    def at(self, moment: int, act: Act) -> None:
        self._count += 1
        heapq.heappush(self._planned, (moment, self._count, act))

    def play(self, until: int) -> None:
        """Let everything happen up to this moment, or until nothing is left."""
        while self._planned and self._planned[0][0] <= until:
            moment, _, act = heapq.heappop(self._planned)
            self.wind_to(moment)
            act()

    def wind_to(self, moment: int) -> None:
        self.clock.wind(max(0, moment - self.clock.boot_ms()))
