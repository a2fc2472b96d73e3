"""Virtual time: the real loop, on a clock wound by hand. Same seed, same history."""

from __future__ import annotations

import random
from collections import deque

from bydawn.core.decide import Fact
from bydawn.core.later import Later
from bydawn.runner.awaited import Awaited, Ticket, carried_out
from bydawn.runner.dispatch import Call


class HandWoundClock:
    """Stands still until it is wound. ``sleep`` passes on both clocks; ``jump`` moves the wall
    only."""

    def __init__(self, utc_ms: int = 1_760_000_000_000, boot_ms: int = 1_000_000) -> None:
        self._utc = utc_ms
        self._boot = boot_ms
        self._boot_name = "boot-1"

    def utc_ms(self) -> int:
        return self._utc

    def boot_ms(self) -> int:
        return self._boot

    def boot_id(self) -> str:
        return self._boot_name

    def wind(self, ms: int) -> None:
        """Let time pass."""
        self._utc += ms
        self._boot += ms

    def jump(self, ms: int) -> None:
        """Set the wall clock forward or back; the other one does not notice."""
        self._utc += ms

    def reboot(self) -> None:
        self._boot_name += "'"
        self._boot = 1_000


class SeededChance:
    """Randomness that repeats."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)

    def random(self) -> float:
        return self._random.random()

    def nonce(self) -> str:
        return f"{self._random.getrandbits(64):016x}"

    def nonces(self, count: int) -> list[str]:
        return [self.nonce() for _ in range(count)]


class InlineDispatcher:
    """Carries calls out at once, and winds the clock instead of waiting."""

    def __init__(self, clock: HandWoundClock) -> None:
        self._clock = clock
        self._done: deque[tuple[Ticket, Fact]] = deque()
        self._awaited = Awaited(self._finish)
        self._out = 0

    def send(self, ticket: Ticket, call: Call, prompt: bool) -> None:
        del prompt
        self._out += 1
        fact = carried_out(call)
        if isinstance(fact, Later):
            self._awaited.hear(ticket, fact, self._clock.boot_ms())
        else:
            self._finish(ticket, fact)

    def drain(self) -> list[tuple[Ticket, Fact]]:
        self._awaited.give_up(self._clock.boot_ms())
        facts = list(self._done)
        self._done.clear()
        self._out -= len(facts)
        return facts

    def wait(self, timeout_ms: int | None) -> None:
        if not self._done and timeout_ms:
            self._clock.wind(timeout_ms)

    def wake(self) -> None:
        """Nobody waits."""

    def outstanding(self) -> int:
        return self._out

    def close(self) -> None:
        """Nothing is held."""

    def _finish(self, ticket: Ticket, fact: Fact) -> None:
        self._done.append((ticket, fact))
