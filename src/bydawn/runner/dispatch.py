"""Acts leave the loop here and come back as facts. The loop never waits inside one."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol

from bydawn.core.decide import Fact
from bydawn.core.decide.step import Broken
from bydawn.core.sightings import Alive

# One call that hangs keeps what others have seen for no longer than this.
_UNHEARD_MS = 100
Call = Callable[[], Fact]
Ticket = tuple[int, int]
"""A job's number and the token under which it was asked: a late fact of an older claim is no
fact."""


class Dispatcher(Protocol):
    """Carries out calls; ``drain`` gives back what has finished since the last time."""

    def send(self, ticket: Ticket, call: Call, prompt: bool) -> None: ...

    def drain(self) -> list[tuple[Ticket, Fact]]: ...

    def wait(self, timeout_ms: int | None) -> None: ...

    def wake(self) -> None: ...

    def outstanding(self) -> int: ...

    def close(self) -> None: ...


def carried_out(call: Call) -> Fact:
    """A call's fact; what it raises becomes a fact too, never a success."""
    try:
        return call()
    except Exception as error:
        return Broken(f"{type(error).__name__}: {error}")


class Threads:
    """A small pool for calls that may block; prompt calls are made on the spot."""

    def __init__(self, threads: int = 16) -> None:
        self._size = threads
        self._pool: ThreadPoolExecutor | None = None
        self._done: deque[tuple[Ticket, Fact]] = deque()
        self._rung = threading.Event()
        self._sent = 0
        self._drained = 0

    def send(self, ticket: Ticket, call: Call, prompt: bool) -> None:
        self._sent += 1
        if prompt:
            self._done.append((ticket, carried_out(call)))
            return
        if self._pool is None:
            self._pool = ThreadPoolExecutor(self._size, thread_name_prefix="act")
        self._pool.submit(self._carry_out, ticket, call)

    def drain(self) -> list[tuple[Ticket, Fact]]:
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

    def _carry_out(self, ticket: Ticket, call: Call) -> None:
        fact = carried_out(call)
        self._done.append((ticket, fact))
        # That a run goes on is no news: it waits for the others that are out, or for a turn.
        if not isinstance(fact, Alive) or self.outstanding() <= len(self._done):
            self._rung.set()
