"""macOS: one property list among the user's launch agents. Written to Apple's manual, never run."""

from __future__ import annotations

import os
import plistlib
import shutil
from collections.abc import Mapping
from pathlib import Path

from bydawn.processes.schedulers.entry import Entry, accepted
from bydawn.processes.tools import Answered, ask

_PROGRAM = "launchctl"


class Launchd:
    """``launchctl`` in the user's own domain."""

    kind = "launchd"

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = environment
        self._folder = Path(environment.get("HOME", "/")) / "Library" / "LaunchAgents"
        self._domain = f"gui/{os.getuid()}"

    def why_not(self) -> str | None:
        if shutil.which(_PROGRAM, path=self._environment.get("PATH")):
            return None
        return "there is no launchctl program here"

    def text(self, entry: Entry) -> str:
        return plistlib.dumps(_agent(entry)).decode()

    def install(self, entry: Entry) -> None:
        self.remove(entry.name)
        self._folder.mkdir(parents=True, exist_ok=True)
        path = self._path(entry.name)
        path.write_bytes(plistlib.dumps(_agent(entry)))
        answered = ask(
            [_PROGRAM, "bootstrap", self._domain, str(path)], Path("/"), self._environment
        )
        accepted(answered, _PROGRAM)

    def remove(self, name: str) -> bool:
        if not self.has(name):
            return False
        self._ask("bootout", f"{self._domain}/{name}")
        self._path(name).unlink(missing_ok=True)
        return True

    def has(self, name: str) -> bool:
        return self._path(name).exists()

    def _ask(self, *words: str) -> Answered:
        return ask([_PROGRAM, *words], Path("/"), self._environment)

    def _path(self, name: str) -> Path:
        return self._folder / f"{name}.plist"


def _agent(entry: Entry) -> dict[str, object]:
    return {
        "Label": entry.name,
        "ProgramArguments": list(entry.argv),
        "WorkingDirectory": str(entry.folder),
        "EnvironmentVariables": dict(entry.environment),
        # Those that fall into a sleep become one call after it.
        "StartCalendarInterval": [{"Minute": minute} for minute in entry.minutes],
        "RunAtLoad": True,
        # What runs under its own supervisor goes on when this ends.
        "AbandonProcessGroup": True,
        "StandardOutPath": str(entry.log),
        "StandardErrorPath": str(entry.log),
    }
