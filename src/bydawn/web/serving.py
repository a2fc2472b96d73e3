"""``bydawn serve``: the dashboard as a process of its own; nothing of a run depends on it."""

from __future__ import annotations

import errno
import logging
import socket
from collections.abc import Callable
from threading import Event
from types import FrameType

import uvicorn

from bydawn.app import Invocation
from bydawn.core.errors import UsageError
from bydawn.web.guarding import TOKEN, Keys, hosts_of
from bydawn.web.looking import Site
from bydawn.web.site import build

_LARGEST_HEAD = 16_384
_MOST_AT_ONCE = 100
_EVERYWHERE = ("0.0.0.0", "::", "*", "")


def serve(
    invocation: Invocation, host: str, port: int, is_read_only: bool, say: Callable[[str], None]
) -> None:
    """Listen until interrupted. ``say`` is told the link, with the key of this process in it."""
    listener = _listener(host, port)
    bound = listener.getsockname()[1]
    # Browsers do not tell ports apart where cookies are concerned.
    keys = Keys(hosts_of(host, bound), is_read_only=is_read_only, cookie=f"bydawn-{bound}")
    shown = f"[{host}]" if ":" in host else host
    say(f"http://{shown}:{bound}/?{TOKEN}={keys.token}")
    site = Site(invocation, keys)
    config = uvicorn.Config(
        build(site),
        log_config=None,
        access_log=False,
        server_header=False,
        date_header=False,
        proxy_headers=False,
        limit_concurrency=_MOST_AT_ONCE,
        h11_max_incomplete_event_size=_LARGEST_HEAD,
        timeout_keep_alive=5,
        timeout_graceful_shutdown=2,
        lifespan="on",
        ws="none",
        http="h11",
    )
    Leaving(config, site.leaving).run(sockets=[listener])


class Leaving(uvicorn.Server):
    """Lets its streams end when it is told to, and says nothing of what it cuts off then."""

    def __init__(self, config: uvicorn.Config, leaving: Event) -> None:
        super().__init__(config)
        self._leaving = leaving
        logging.getLogger("uvicorn.error").addFilter(lambda _: not leaving.is_set())

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        self._leaving.set()
        super().handle_exit(sig, frame)


def _listener(host: str, port: int) -> socket.socket:
    if host in _EVERYWHERE:
        raise UsageError(
            f"--host {host or repr(host)}: a dashboard answers to one name only",
            "give the address that people open, such as 192.168.1.5; or stay here and use a tunnel",
        )
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        reason = error.strerror or error
        is_port = error.errno in (errno.EADDRINUSE, errno.EACCES)
        remedy = "--port 0 takes any free one" if is_port else "--host takes one of this machine"
        raise UsageError(f"{host}:{port}: {reason}", remedy) from error
    listener.listen(64)
    return listener
