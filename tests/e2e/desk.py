"""A dashboard over a scene, on a real port, by the scene's own clock."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import uvicorn
from scene import Scene

from bydawn.app import App, Invocation
from bydawn.app.place import locate
from bydawn.core.clock import Clock
from bydawn.core.values import value
from bydawn.runner.clock import SystemClock
from bydawn.web.guarding import Keys, hosts_of
from bydawn.web.looking import Site
from bydawn.web.site import build


@value
class TimedSite(Site):
    """Reads the clock of the night it shows."""

    clock: Clock = field(default_factory=SystemClock)

    def opened(self) -> App:
        return App(self.invocation, locate(self.invocation, None), self.clock)


@dataclass(frozen=True, slots=True)
class Desk:
    """Where the dashboard is, and the link that lets one in."""

    address: str
    token: str

    @property
    def link(self) -> str:
        return f"{self.address}/?token={self.token}"

    def at(self, path: str) -> str:
        return self.address + path


@contextlib.contextmanager
def desk_over(scene: Scene, is_read_only: bool = False) -> Iterator[Desk]:
    """Serve the scene until the block ends."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        keys = Keys(hosts_of("127.0.0.1", port), is_read_only=is_read_only)
        site = TimedSite(Invocation(Path(scene.folder)), keys, clock=scene.clock)
        server = uvicorn.Server(
            uvicorn.Config(build(site), log_config=None, timeout_graceful_shutdown=1)
        )
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            yield Desk(f"http://127.0.0.1:{port}", keys.token)
        finally:
            site.leaving.set()
            server.should_exit = True
            thread.join()
