"""What may stand between a store and its server: a line that cuts, and a pooler that shares.

Both speak just enough of PostgreSQL's protocol to know where a message ends.
"""

from __future__ import annotations

import contextlib
import random
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from types import TracebackType

from servers import Server

# What a cut does with a message of the client: deliver it, and whether the answer comes back.
# MUTE swallows the answer and keeps the line open, so that only silence tells.
PASS, LOSE, SWALLOW, MUTE = "pass", "lose", "swallow", "mute"
_STARTUP = struct.pack("!i", 196_608) + b"user\0test\0database\0%s\0client_encoding\0UTF8\0\0"
_READY, _EXECUTE, _FLUSH, _ERROR = b"Z", b"E", b"H", b"E"
# What ends the answer to one statement: it is done, or there was nothing to do.
_DONE = b"CI"


class _Listener:
    """Accepts on a port of its own and serves every connection in a thread."""

    def __init__(self, server: Server, database: str) -> None:
        self._target = server.sockets / ".s.PGSQL.5432"
        self._database = database
        self._listening = socket.create_server(("127.0.0.1", 0))
        self._open: list[socket.socket] = []
        port = self._listening.getsockname()[1]
        self.url = f"postgresql://test@127.0.0.1:{port}/{database}?sslmode=disable"
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self):  # type: ignore[no-untyped-def]
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:  # fmt: skip
        for one in (self._listening, *self._open):
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listening.accept()
                self._open.append(client)
                threading.Thread(target=self._quietly_serve, args=(client,), daemon=True).start()

    def _quietly_serve(self, client: socket.socket) -> None:
        with contextlib.suppress(OSError, EOFError), client:
            self._serve(client)

    def _serve(self, client: socket.socket) -> None:
        raise NotImplementedError

    def _server(self) -> socket.socket:
        made = socket.socket(socket.AF_UNIX)
        self._open.append(made)
        made.connect(str(self._target))
        return made


class CuttingLine(_Listener):
    """Hands everything on until ``judge`` says of a message of the client to do otherwise."""

    def __init__(self, server: Server, database: str) -> None:
        super().__init__(server, database)
        self.judge: Callable[[bytes], str] = lambda _: PASS

    def _serve(self, client: socket.socket) -> None:
        with self._server() as server:
            server.sendall(_startup_of(client))
            _answer_to(server, client)
            while self._hand_on(client, server):
                pass

    def _hand_on(self, client: socket.socket, server: socket.socket) -> bool:
        """All up to the next answer, whose fate is the last word of the judge that is not PASS."""
        fate, carried_out = PASS, 0
        while True:
            message = _message(client)
            verdict = self.judge(message)
            if verdict == LOSE:
                return False
            fate = fate if verdict == PASS else verdict
            server.sendall(message)
            carried_out += message[:1] == _EXECUTE
            if message[:1] == _FLUSH and fate == PASS:
                _answers_to(server, client, carried_out)
                carried_out = 0
            if message[:1] in b"QS":
                _answer_to(server, client if fate == PASS else None)
                return fate != SWALLOW


class Cuts:
    """A judge: now and then a message is lost, or its answer is; so often until now."""

    def __init__(self, seed: int) -> None:
        self._chance, self.count = random.Random(seed), 0

    def __call__(self, _: bytes) -> str:
        if self._chance.random() >= 1 / 150:
            return PASS
        self.count += 1
        return self._chance.choice((LOSE, SWALLOW))


class Pooler(_Listener):
    """Gives every transaction the connection that has rested longest, as it was left."""

    def __init__(self, server: Server, database: str, size: int) -> None:
        super().__init__(server, database)
        self._resting = [self._greeted() for _ in range(size)]
        self._taking = threading.Condition()
        self.handed_out = 0

    def _greeted(self) -> socket.socket:
        made = self._server()
        words = _STARTUP.replace(b"%s", self._database.encode())
        made.sendall(struct.pack("!i", len(words) + 4) + words)
        self._greeting = _answer_to(made, None)
        return made

    def _serve(self, client: socket.socket) -> None:
        _startup_of(client)
        client.sendall(self._greeting)
        while True:
            first = _message(client)
            if first[:1] == b"X":
                return
            with self._taken() as server:
                _transaction(client, server, first)

    @contextlib.contextmanager
    def _taken(self) -> Iterator[socket.socket]:
        with self._taking:
            while not self._resting:
                self._taking.wait()
            server = self._resting.pop(0)
            self.handed_out += 1
        try:
            yield server
        finally:
            with self._taking:
                self._resting.append(server)
                self._taking.notify()


def _transaction(client: socket.socket, server: socket.socket, message: bytes) -> None:
    """Until the server says that no transaction is open."""
    while True:
        server.sendall(message)
        if message[:1] == _FLUSH:
            raise EOFError  # there are poolers that do not know it
        if message[:1] in b"QS" and _answer_to(server, client)[-1:] == b"I":
            return
        message = _message(client)


def _answer_to(server: socket.socket, client: socket.socket | None) -> bytes:
    """All the server says until it is ready; handed on where there is somebody to hear it."""
    said = b""
    while True:
        message = _message(server)
        said += message
        if message[:1] == _READY:
            break
    if client is not None:
        client.sendall(said)
    return said


def _answers_to(server: socket.socket, client: socket.socket, count: int) -> None:
    """Hand on the answers to so many statements, or up to the first that is an error."""
    while count:
        message = _message(server)
        client.sendall(message)
        count = 0 if message[:1] == _ERROR else count - (message[:1] in _DONE)


def _startup_of(client: socket.socket) -> bytes:
    """The client's first words; offers of encryption are turned down."""
    while True:
        head = _exactly(client, 4)
        words = _exactly(client, struct.unpack("!i", head)[0] - 4)
        if struct.unpack("!i", words[:4])[0] == 196_608:
            return head + words
        client.sendall(b"N")


def _message(one: socket.socket) -> bytes:
    head = _exactly(one, 5)
    return head + _exactly(one, struct.unpack("!i", head[1:])[0] - 4)


def _exactly(one: socket.socket, count: int) -> bytes:
    pieces = b""
    while len(pieces) < count:
        piece = one.recv(count - len(pieces))
        if not piece:
            raise EOFError
        pieces += piece
    return pieces


def database_of(url: str) -> str:
    """The name of the database in an address made by ``Server.database``."""
    return Path(url.partition("?")[0]).name
