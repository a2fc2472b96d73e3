"""One HTTP server for all fake services: routes, latency, faults, and the ledger to read."""

from __future__ import annotations

import json
import re
import socket
import socketserver
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Protocol, Self
from urllib.parse import parse_qs, urlsplit

from bydawn.core.values import value
from bydawn.testing.fakes.faults import HUGE_BYTES, NOT_CARRIED_OUT, Fault, Faults, Kind
from bydawn.testing.fakes.runs import FakeRun, Runs, Scene

_PAGE = b"<!DOCTYPE html><html><body><h1>502 Bad Gateway</h1></body></html>"
_LATE_S = 0.2
_NOTICE_S = 0.02


@value
class Asked:
    """A request as it came in; ``parts`` are what its route's pattern picked out of the path."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes
    query: dict[str, str] = field(default_factory=dict)
    parts: tuple[str, ...] = ()
    address: str = ""

    def every(self, name: str) -> list[str]:
        """All values of a name that may be in the query many times."""
        return parse_qs(urlsplit(self.address).query).get(name, [])

    def document(self) -> Any:
        """The body as JSON; None where it is none."""
        try:
            return json.loads(self.body)
        except ValueError:
            return None


@value
class Answer:
    """``body`` is sent as it is when it is bytes, else as JSON."""

    code: int = 200
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)
    run: FakeRun | None = None

    def sent(self) -> bytes:
        return self.body if isinstance(self.body, bytes) else json.dumps(self.body).encode()


Act = Callable[[Asked], Answer]
Route = tuple[str, str, str, Act]
"""Method, pattern of the whole path, verb (launch, poll, …) and what it does."""


class Noted(Protocol):
    """One line of a ledger."""

    def as_json(self) -> dict[str, Any]: ...


class Witness(Protocol):
    """What knows the launches a service was really asked for."""

    @property
    def ledger(self) -> Sequence[Noted]: ...

    def started(self) -> dict[str, int]: ...


class WireFormat:
    """How one service speaks, and the runs it speaks of."""

    runs: Witness

    def routes(self) -> Iterable[Route]:
        raise NotImplementedError

    def denial(self, code: int, words: str) -> Any:
        """An error in this service's own words."""
        return {"error": {"code": code, "message": words}}


class Fake(WireFormat):
    """A wire format over ``runs`` of its own. A launch's answer carries the run it started."""

    def __init__(self, scene: Scene | None = None) -> None:
        self.runs: Runs = Runs(scene)


class FakeServer:
    """A service at an address of its own, in threads of this process; ``with`` closes it."""

    def __init__(
        self, fake: WireFormat, port: int = 0, latency_ms: int = 0, faults: Iterable[Fault] = ()
    ) -> None:
        self.fake, self.latency_ms = fake, latency_ms
        self.faults = Faults(list(faults))
        self.asked: list[tuple[str, Asked]] = []
        self.is_closing = threading.Event()
        self._routes = [
            (method, re.compile(pattern), verb, act)
            for method, pattern, verb, act in [*fake.routes(), self._ledger_route()]
        ]
        self._server = _Server(("127.0.0.1", port), _Connection)
        self._server.home = self
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(_NOTICE_S,), daemon=True
        )

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    def start(self) -> Self:
        self._thread.start()
        return self

    def close(self) -> None:
        self.is_closing.set()
        self._server.shutdown()
        self._server.server_close()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def count(self, verb: str) -> int:
        """How many requests of a verb came in."""
        return sum(1 for seen, _ in self.asked if seen == verb)

    def answer(self, asked: Asked) -> tuple[Answer | None, Fault | None]:
        """What to send back; None closes the connection without a word."""
        if self.is_closing.wait(self.latency_ms / 1000):
            return None, None
        for method, pattern, verb, act in self._routes:
            match = pattern.fullmatch(asked.path)
            if match and method == asked.method:
                known = Asked(asked.method, asked.path, asked.headers, asked.body, asked.query,
                              match.groups(), asked.address)  # fmt: skip
                self.asked.append((verb, known))
                return self._faulty(verb, known, act)
        return Answer(404, self.fake.denial(404, f"no route {asked.path}")), None

    def _faulty(self, verb: str, asked: Asked, act: Act) -> tuple[Answer | None, Fault | None]:
        text = f"{asked.path} {asked.body.decode('utf-8', 'replace')}"
        fault = self.faults.take(verb, text)
        if fault is not None and fault.kind in NOT_CARRIED_OUT:
            return self._unacted(fault, asked), fault
        answer = act(asked)
        if fault is None:
            return answer, None
        if fault.kind is Kind.DUPLICATE:
            act(asked)
        return self._spoilt(fault, answer), fault

    def _unacted(self, fault: Fault, asked: Asked) -> Answer | None:
        after = {} if fault.retry_after is None else {"Retry-After": fault.retry_after}
        if fault.kind is Kind.RESET:
            return None
        if fault.kind is Kind.REDIRECT:
            return Answer(307, {}, {"Location": asked.path})
        code = 429 if fault.kind is Kind.TOO_MANY else fault.code
        return Answer(code, self.fake.denial(code, "as the script says"), after)

    def _spoilt(self, fault: Fault, answer: Answer) -> Answer | None:
        if fault.kind is Kind.DROP:
            return None
        if fault.kind is Kind.HANG:
            self.is_closing.wait()
            return None
        if fault.kind is Kind.ERROR_AFTER:
            return Answer(fault.code, self.fake.denial(fault.code, "after it was done"))
        if fault.kind is Kind.LOST_RUN and answer.run:
            answer.run.is_lost = True
        elif fault.kind is Kind.LATE_USAGE and answer.run:
            answer.run.usage_at = (answer.run.ends_at or time.monotonic()) + _LATE_S
        spoilt = _SPOILT_BODIES.get(fault.kind)
        return answer if spoilt is None else Answer(answer.code, spoilt(), answer.headers)

    def _ledger_route(self) -> Route:
        def ledger(_: Asked) -> Answer:
            runs = self.fake.runs
            launches = [launch.as_json() for launch in list(runs.ledger)]
            asked = Counter(verb for verb, _ in list(self.asked))
            return Answer(200, {"launches": launches, "started": runs.started(), "asked": asked})

        return "GET", "/ledger", "ledger", ledger


_SPOILT_BODIES: dict[Kind, Callable[[], bytes]] = {
    Kind.MALFORMED: lambda: b'{"id": "run-',
    Kind.EMPTY: lambda: b"",
    Kind.HUGE: lambda: b'"' + b"x" * HUGE_BYTES + b'"',
    Kind.NOT_UTF8: lambda: b'{"id": "\xff\xfe"}',
    Kind.HTML: lambda: _PAGE,
}


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 1024

    def server_bind(self) -> None:
        """As it is, without asking anybody what the loopback is called."""
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = "127.0.0.1", int(self.server_address[1])

    home: FakeServer


class _Connection(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1

    def do_GET(self) -> None:
        self._carry_out()

    def log_message(self, *_: Any) -> None:
        """The ledger tells."""

    def handle(self) -> None:
        try:
            super().handle()
        except OSError:
            self.close_connection = True

    def _carry_out(self) -> None:
        assert isinstance(self.server, _Server)
        address = urlsplit(self.path)
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        query = {name: values[-1] for name, values in parse_qs(address.query).items()}
        headers = {name.lower(): value for name, value in self.headers.items()}
        asked = Asked(self.command, address.path, headers, body, query, (), self.path)
        answer, _ = self.server.home.answer(asked)
        if answer is None:
            self.close_connection = True
            self.connection.shutdown(socket.SHUT_RDWR)
            return
        self._send(answer)

    def _send(self, answer: Answer) -> None:
        content = answer.sent()
        self.send_response(answer.code)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        for name, text in answer.headers.items():
            self.send_header(name, text)
        self.end_headers()
        self.wfile.write(content)


for _method in ("POST", "PUT", "PATCH", "DELETE"):
    setattr(_Connection, f"do_{_method}", _Connection.do_GET)
