"""Metrics over HTTP, for this machine alone: one page, read only, by a process beside the night."""

from __future__ import annotations

import http.server
from collections.abc import Callable

from bydawn.core.errors import Refused
from bydawn.watch.metrics import CONTENT_TYPE

HOST = "127.0.0.1"
_PATIENCE_S = 10
_LOCAL = (HOST, "localhost", "[::1]")


def serve_metrics(read: Callable[[], str], port: int, started: Callable[[int], None]) -> None:
    """Answer GET /metrics until interrupted. ``read`` is called in this thread, once a request."""

    class Page(http.server.BaseHTTPRequestHandler):
        timeout = _PATIENCE_S
        server_version, sys_version = "bydawn", ""

        def do_GET(self) -> None:
            host = self.headers.get("Host", "").rpartition(":")[0] or self.headers.get("Host", "")
            if host not in _LOCAL:
                self.send_error(403)
            elif self.path != "/metrics":
                self.send_error(404)
            else:
                self._answer(read().encode())

        def _answer(self, body: bytes) -> None:
            self.send_response(200)
            self.send_header("Content-Type", CONTENT_TYPE)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Nobody reads it."""

    try:
        server = http.server.HTTPServer((HOST, port), Page)
    except OSError as error:
        raise Refused(f"port {port}: {error.strerror}", "name another port") from error
    with server:
        started(server.server_port)
        server.serve_forever()
