"""A server that takes whatever is sent: good at most paths, broken at some, silent at /hang."""

from __future__ import annotations

import contextlib
import http.server
import threading
from collections.abc import Iterator

Received = tuple[str, list[tuple[str, bytes]]]


class _Receiver(http.server.BaseHTTPRequestHandler):
    release: threading.Event
    seen: list[tuple[str, bytes]]

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.seen.append((self.path, body))
        if self.path.startswith("/hang"):
            self.release.wait(60)
        code = {"/500": 500, "/away": 302}.get(self.path, 200)
        self.send_response(code)
        if code == 302:
            self.send_header("Location", "/ok")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Nobody reads it."""


@contextlib.contextmanager
def receiving() -> Iterator[Received]:
    """Its address, and what came."""
    seen: list[tuple[str, bytes]] = []
    release = threading.Event()
    kind = type("Receiver", (_Receiver,), {"seen": seen, "release": release})
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), kind)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", seen
    finally:
        release.set()
        server.shutdown()
        thread.join()
        server.server_close()
