"""Hearing of writes: a second connection that LISTENs, so that nobody waits for the next look.

It only ever makes somebody look sooner. What it misses, and all of it where a server cannot be
listened to, is found by looking anyway; so nothing here fails, and nothing waits for it.
"""

from __future__ import annotations

import contextlib
import hashlib
import selectors
import socket
import threading
from collections.abc import Callable

import psycopg

from bydawn.store.connect import Row
from bydawn.store.server import Address, connect

_FIRST_PAUSE_S = 0.1
_LONGEST_PAUSE_S = 30.0
# What comes meanwhile is heard together: a busy store tells hundreds of times a second, and each
# time another thread would have to be woken for it.
_TOGETHER_S = 0.02
_PID = "SELECT pg_backend_pid()"


def channel_of(store_id: str | None) -> str:
    """Where writes of a store are told; other stores of the same database have others."""
    return f"bydawn_{hashlib.sha256((store_id or '').encode()).hexdigest()[:32]}"


class Listener:
    """Calls ``ring``, on a thread of its own, soon after a writer other than ``own`` has committed,
    and whenever something may have been missed. ``is_deaf`` says that it has given up for good: a
    pooler stands in between, which accepts a LISTEN and never tells."""

    def __init__(self, address: Address, channel: str, own: str, ring: Callable[[], None]) -> None:
        self.is_deaf = False
        self._address, self._channel, self._ring = address, channel, ring
        self._own = own.encode()
        self._closing = threading.Event()
        self._bell, self._hush = socket.socketpair()
        self._thread = threading.Thread(target=self._keep_listening, name="listen", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """End it. A connection that is just being made ends by itself."""
        self._closing.set()
        self._hush.close()
        self._thread.join(1.0)

    def _keep_listening(self) -> None:
        pause = _FIRST_PAUSE_S
        with self._bell:
            while not (self._closing.is_set() or self.is_deaf):
                with contextlib.suppress(psycopg.Error, OSError), connect(self._address) as made:
                    self._listen(made)
                    pause = _FIRST_PAUSE_S
                    self._hear_all(made)
                self._closing.wait(pause)
                pause = min(pause * 2, _LONGEST_PAUSE_S)

    def _listen(self, connection: psycopg.Connection[Row]) -> None:
        """From here on nothing is missed; what was missed before is worth a look."""
        self.is_deaf = _is_pooled(connection)
        if not self.is_deaf:
            connection.execute(f"LISTEN {self._channel}".encode())
            self._ring()

    def _hear_all(self, connection: psycopg.Connection[Row]) -> None:
        with selectors.DefaultSelector() as either:
            either.register(connection.fileno(), selectors.EVENT_READ)
            either.register(self._bell, selectors.EVENT_READ)
            while not (self._closing.is_set() or self.is_deaf):
                either.select()
                if self._has_heard(connection):
                    self._ring()
                self._closing.wait(_TOGETHER_S)

    def _has_heard(self, connection: psycopg.Connection[Row]) -> bool:
        """Whether another writer is among those who told; all that has come is taken."""
        connection.pgconn.consume_input()
        heard = False
        while told := connection.pgconn.notifies():
            heard = heard or told.extra != self._own
        return heard


def _is_pooled(connection: psycopg.Connection[Row]) -> bool:
    """A pooler greets with a process number of its own making, or hands out several in turn."""
    for _ in range(2):
        found = connection.execute(_PID).fetchone()
        if found != (connection.info.backend_pid,):
            return True
    return False
