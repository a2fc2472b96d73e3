"""``bydawn serve``: the dashboard as a process of its own; nothing of a run depends on it."""

from __future__ import annotations

import socket
from collections.abc import Callable

import uvicorn

from bydawn.app import Invocation
from bydawn.core.errors import UsageError
from bydawn.web.guarding import TOKEN, Keys, hosts_of
from bydawn.web.looking import Site
from bydawn.web.site import build

_LARGEST_HEAD = 16_384
_MOST_AT_ONCE = 100


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
    config = uvicorn.Config(
        build(Site(invocation, keys)),
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
    uvicorn.Server(config).run(sockets=[listener])


def _listener(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        reason = error.strerror or error
        raise UsageError(f"{host}:{port}: {reason}", "--port 0 takes any free one") from error
    listener.listen(64)
    return listener
