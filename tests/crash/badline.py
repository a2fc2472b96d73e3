"""A line to an HTTP service that treats every request as it is told to, in threads of its own."""

from __future__ import annotations

import contextlib
import re
import socket
import struct
import threading
import time
from collections import Counter
from collections.abc import Callable
from types import TracebackType
from urllib.parse import urlsplit

# PASS and SLOW bring the answer. Of the others the service has heard all but DROP.
PASS, DROP, SWALLOW, HALF, RESET, SLOW, TWICE = (
    "pass", "drop", "swallow", "half an answer", "reset", "slow", "twice"
)  # fmt: skip
FATES = (DROP, SWALLOW, HALF, RESET, SLOW, TWICE)
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_SLOW_S = 0.3


class BadLine:
    """Stands between a runner and a service; ``judge`` is asked about every request."""

    def __init__(self, target: str) -> None:
        self._to = (str(urlsplit(target).hostname), int(urlsplit(target).port or 80))
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.judge: Callable[[], str] = lambda: PASS
        self.fates: Counter[str] = Counter()
        self.url = f"http://127.0.0.1:{self._listening.getsockname()[1]}"

    def __enter__(self) -> BadLine:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:  # fmt: skip
        with contextlib.suppress(OSError):
            self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listening.accept()
                threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with contextlib.suppress(OSError, EOFError), client:
            while self._hand_on(client, _message(client)):
                pass

    def _hand_on(self, client: socket.socket, request: bytes) -> bool:
        """Whether the line is still good afterwards."""
        fate = self.judge()
        self.fates[fate] += 1
        if fate == DROP:
            return False
        if fate == TWICE:
            self._asked(request)
        answer = self._asked(request)
        if fate == RESET:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        if fate == HALF:
            client.sendall(answer[: len(answer) // 2])
        if fate == SLOW:
            time.sleep(_SLOW_S)
        if fate in (PASS, SLOW, TWICE):
            client.sendall(answer)
            return True
        return False

    def _asked(self, request: bytes) -> bytes:
        with socket.create_connection(self._to) as service:
            service.sendall(request)
            return _message(service)


def _message(one: socket.socket) -> bytes:
    """A request or an answer, as long as its head says."""
    said = b""
    while b"\r\n\r\n" not in said:
        said += _more(one)
    head, _, body = said.partition(b"\r\n\r\n")
    found = _LENGTH.search(head)
    missing = (int(found[1]) if found else 0) - len(body)
    while missing > 0:
        piece = _more(one)
        said, missing = said + piece, missing - len(piece)
    return said


def _more(one: socket.socket) -> bytes:
    piece = one.recv(65_536)
    if not piece:
        raise EOFError
    return piece
