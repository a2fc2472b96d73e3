"""A loopback server for a wire format, with faults between taking on and answering."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Protocol

from bydawn.testing.fakes.exchange import Answer, Asked, asked


class Wire(Protocol):
    def answer(self, asked: Asked) -> Answer: ...


@dataclass(frozen=True, slots=True)
class Fault:
    """``instead`` of taking it on, or ``after`` having taken it on; None drops the line."""

    when: str
    answer: Answer | None = None


Trip = Callable[[Asked], Fault | None]


@dataclass
class Loopback:
    """``trip`` is asked about every request; ``seen`` is every one of them."""

    wire: Wire
    trip: Trip = lambda _: None
    seen: list[Asked] = field(default_factory=list)
    url: str = ""

    def asked(self, method: str, ending: str) -> int:
        return sum(one.method == method and one.path.endswith(ending) for one in self.seen)

    def serve(self, one: Asked) -> Answer | None:
        self.seen.append(one)
        fault = self.trip(one)
        if fault is not None and fault.when == "instead":
            return fault.answer
        answer = self.wire.answer(one)
        return fault.answer if fault is not None else answer


@contextlib.contextmanager
def serving(wire: Wire, trip: Trip = lambda _: None) -> Iterator[Loopback]:
    """The wire on a port of its own, until the end of the block."""
    loopback = Loopback(wire, trip)
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler_of(loopback))
    server.daemon_threads = True
    loopback.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield loopback
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _handler_of(loopback: Loopback) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def log_message(self, *_: Any) -> None:
            """Quiet."""

        def _serve(self) -> None:
            data = self.rfile.read(int(self.headers.get("content-length") or 0))
            one = asked(self.command, self.path, dict(self.headers), data)
            answer = loopback.serve(one)
            if answer is None:
                self.close_connection = True
                self.connection.shutdown(socket.SHUT_RDWR)
                return
            body = answer.encoded
            self.send_response(answer.code)
            headers = {"content-type": "application/json", **answer.headers}
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_POST = do_DELETE = do_PATCH = _serve  # noqa: N815

    return Handler
