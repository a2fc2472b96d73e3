"""Supervisors that can stand in for each other, and the orders that wait for one of them.

Starting an interpreter takes tens of milliseconds, a short call a fraction of one. So few serve the
orders first; while somebody has waited too long there come more, each step many times as many.
Sixty-four long calls are under way after a few steps, and thousands of short ones start few.
"""

from __future__ import annotations

import os
from collections import deque

# About what an interpreter takes to start: whoever waits longer is behind a call, not a start.
STEP_MS = 50
# How many more for each that lives.
_GROWTH = 3


class Supervised:
    """One supervisor: where it takes orders, since when it has been free for one, and the number
    of the last one it was given."""

    def __init__(self, home: Home, orders: int, line: bytes) -> None:
        self.home = home
        self.orders = orders
        self.number = _number(line)
        self.free_since: int | None = None
        home.living += 1

    def take(self, line: bytes) -> bool:
        """Hand an order over; False when nobody takes it any more."""
        self.free_since = None
        try:
            os.write(self.orders, line)
        except OSError:
            return False
        self.number = _number(line)
        return True

    def let_go(self) -> None:
        """No more orders; it leaves when it has nothing to do."""
        if self.orders >= 0:
            os.close(self.orders)
            self.home.living -= 1
        self.orders = -1
        self.free_since = None


class Home:
    """``first`` supervisors are started as soon as there are orders for them."""

    def __init__(self, first: int) -> None:
        self._first = first
        self._free: list[Supervised] = []
        self._waiting: deque[tuple[int, bytes]] = deque()
        self._step_at = 0
        self.living = 0

    def note_free(self, supervised: Supervised, now: int) -> None:
        supervised.free_since = now
        self._free.append(supervised)

    def add(self, line: bytes, now: int) -> None:
        """An order for whoever is free first."""
        self._waiting.append((now, line))

    def waits(self) -> bool:
        return bool(self._waiting)

    def serve(self) -> None:
        """Hand waiting orders to free supervisors, the oldest first."""
        while self._waiting and self._free:
            supervised = self._free.pop()
            if supervised.free_since is not None and supervised.take(self._waiting[0][1]):
                self._waiting.popleft()

    def unserved(self, now: int) -> list[bytes]:
        """The orders, taken out, that are to get a new supervisor each now."""
        count = max(0, self._first - self.living)
        if self._waiting and now >= self._next_step_at():
            count = max(count, _GROWTH * self.living)
            self._step_at = now + STEP_MS
        return [self._waiting.popleft()[1] for _ in range(min(count, len(self._waiting)))]

    def patience_ms(self, now: int) -> int | None:
        """How long the waiting orders may be left to those that live; None if nobody waits."""
        return max(0, self._next_step_at() - now) if self._waiting else None

    def forget_waiting(self) -> None:
        self._waiting.clear()

    def forget_gone(self) -> None:
        self._free = [one for one in self._free if one.free_since is not None]

    def _next_step_at(self) -> int:
        return max(self._waiting[0][0] + STEP_MS, self._step_at)


def _number(line: bytes) -> bytes:
    return line.partition(b" ")[0]
