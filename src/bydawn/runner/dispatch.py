"""Acts leave the loop here and come back as facts. The loop never waits inside one."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol

from bydawn.core.decide import Fact
from bydawn.core.later import Later
from bydawn.core.sightings import Alive
from bydawn.runner.awaited import Awaited, Ticket, carried_out

# One call that hangs keeps what others have seen for no longer than this.
_UNHEARD_MS = 100
_OVERDUE_EVERY_MS = 1_000
Call = Callable[[], Fact | Later]


class Dispatcher(Protocol):
    """Carries out calls; ``drain`` gives back what has finished since the last time."""

    def send(self, ticket: Ticket, call: Call, prompt: bool) -> None: ...

    def drain(self) -> list[tuple[Ticket, Fact]]: ...

    def wait(self, timeout_ms: int | None) -> None: ...

    def wake(self) -> None: ...

    def outstanding(self) -> int: ...

    def close(self) -> None: ...


class Threads:
    """A small pool for calls that may block; prompt calls are made on the spot. What is answered
    later keeps no thread."""

    def __init__(self, threads: int = 16) -> None:
        self._size = threads
        self._pool: ThreadPoolExecutor | None = None
        self._done: deque[tuple[Ticket, Fact]] = deque()
        self._rung = threading.Event()
        self._awaited = Awaited(self._tell)
        self._overdue_at = 0
        self._sent = 0
        self._drained = 0

    def send(self, ticket: Ticket, call: Call, prompt: bool) -> None:
        self._sent += 1
        if prompt:
            self._carry_out(ticket, call, self._note)
            return
        if self._pool is None:
            self._pool = ThreadPoolExecutor(self._size, thread_name_prefix="act")
        self._pool.submit(self._carry_out, ticket, call, self._tell)

    def drain(self) -> list[tuple[Ticket, Fact]]:
        now = _now_ms()
        if now >= self._overdue_at:
            self._overdue_at = now + _OVERDUE_EVERY_MS
            self._awaited.give_up(now)
        facts = [self._done.popleft() for _ in range(len(self._done))]
        self._drained += len(facts)
        return facts

    def wait(self, timeout_ms: int | None) -> None:
        """Until something finished, somebody rang, or the time is up."""
        if not self._done:
            lengths = [] if timeout_ms is None else [timeout_ms]
            lengths += [_UNHEARD_MS] if self.outstanding() else []
            self._rung.wait(min(lengths) / 1000 if lengths else None)
        self._rung.clear()

    def wake(self) -> None:
        self._rung.set()

    def outstanding(self) -> int:
        return self._sent - self._drained

    def close(self) -> None:
        if self._pool is not None:
            self._pool.shutdown(wait=False, cancel_futures=True)

    def _carry_out(self, ticket: Ticket, call: Call, tell: Callable[[Ticket, Fact], None]) -> None:
        fact = carried_out(call)
        if isinstance(fact, Later):
            self._awaited.hear(ticket, fact, _now_ms())
        else:
            tell(ticket, fact)

    def _note(self, ticket: Ticket, fact: Fact) -> None:
        """From the loop's own thread, which is awake."""
        self._done.append((ticket, fact))

    def _tell(self, ticket: Ticket, fact: Fact) -> None:
        self._note(ticket, fact)
        # That a run goes on is no news: it waits for the others that are out, or for a turn.
        if not isinstance(fact, Alive) or self.outstanding() <= len(self._done):
            self._rung.set()


def _now_ms() -> int:
    """While the machine sleeps nobody answers, so its sleep is not counted."""
    return time.monotonic_ns() // 1_000_000
