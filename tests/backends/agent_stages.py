"""A stage of the contract for each command-line agent, over its fake."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from ordered import around, until
from stages import Closing

from bydawn.app.backends import BUILT_IN
from bydawn.backends.backend import Backend
from bydawn.testing.fakes.agents import install, launches


class Agents(Closing):
    """The fake waits for a file in its draft."""

    def __init__(self, folder: Path, name: str) -> None:
        super().__init__(folder)
        self._name, self._bin = name, folder / "bin"
        install(self._bin)

    def backend(self) -> Backend:
        path = f"{self._bin}{os.pathsep}{os.environ['PATH']}"
        return BUILT_IN[self._name].load()(around(self.runs(), {**os.environ, "PATH": path}))

    def payload(self) -> dict[str, Any]:
        return {"prompt": "wait [scene slow]"}

    def finish(self, handle: str) -> None:
        (self.folder / handle / "draft" / "go").touch()

    def runs_of(self, launch_key: str) -> int:
        """Every start writes a line; the first look waits for it."""

        def count() -> int:
            return [each["launch_key"] for each in launches(self._bin)].count(launch_key)

        until(count)
        return count()
