"""Supervisors that can stand in for each other, and the orders that wait for one of them.

Starting an interpreter takes tens of milliseconds, a short call a fraction of one. So few serve the
orders, and while they come free again soon, however many wait in line, there come no more. For
those that are at a call that takes long there come others, each time as many as are known to be.
Sixty-four long calls are under way after a few steps, and thousands of short ones start few.
"""

from __future__ import annotations

import os
from collections import deque

# So long the first in line may wait, whatever is known of those before it.
LONGEST_MS = 5_000


class Supervised:
    """One supervisor: where it takes orders, since when it has been free for one, and the number
    of the last one it was given. ``is_long``: that one takes long."""

    def __init__(self, home: Home, orders: int, line: bytes) -> None:
        self.home = home
        self.orders = orders
        self.number = _number(line)
        self.free_since: int | None = None
        self.is_long = False
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
        self.home.note_soon(self)
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
        self._more_at = 0
        self._long = 0
        self.living = 0

    def note_free(self, supervised: Supervised, now: int) -> None:
        self.note_soon(supervised)
        supervised.free_since = now
        self._free.append(supervised)

    def note_long(self, supervised: Supervised) -> None:
        """It will not be free soon."""
        self._long += not supervised.is_long
        supervised.is_long = True

    def note_soon(self, supervised: Supervised) -> None:
        self._long -= supervised.is_long
        supervised.is_long = False

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
        count = max(self._first, self._long) - (self.living - self._long)
        if self._waiting and now >= self._overdue_at():
            count = max(count, self._first)
            self._more_at = now + LONGEST_MS
        return [self._waiting.popleft()[1] for _ in range(min(count, len(self._waiting)))]

    def patience_ms(self, now: int) -> int | None:
        """How long the waiting orders may be left to those that live; None if nobody waits."""
        return max(0, self._overdue_at() - now) if self._waiting else None

    def forget_waiting(self) -> None:
        self._waiting.clear()

    def forget_gone(self) -> None:
        self._free = [one for one in self._free if one.free_since is not None]

    def _overdue_at(self) -> int:
        return max(self._waiting[0][0] + LONGEST_MS, self._more_at)


def _number(line: bytes) -> bytes:
    return line.partition(b" ")[0]
