"""The user's own systemd: a timer and the service it starts."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path

from bydawn.processes.schedulers.entry import Entry, accepted
from bydawn.processes.tools import Answered, ask

_PROGRAM = "systemctl"
_SOON_MS = 20_000

_UNIT = """\
[Unit]
Description={title}

[Service]
Type=oneshot
WorkingDirectory={folder}
{environment}
ExecStart={command}
# What runs under its own supervisor goes on when this is stopped.
KillMode=process
TimeoutStartSec=infinity
"""

_TIMER = """\
[Unit]
Description={title}

[Timer]
OnCalendar=*:{minutes}
AccuracySec=1s
Persistent=true

[Install]
WantedBy=timers.target
"""


class Systemd:
    """``systemctl --user`` and two files in the user's unit folder."""

    kind = "systemd"

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = environment
        home = Path(environment.get("HOME", "/"))
        config = Path(environment.get("XDG_CONFIG_HOME") or home / ".config")
        self._folder = config / "systemd" / "user"

    def why_not(self) -> str | None:
        if not shutil.which(_PROGRAM, path=self._environment.get("PATH")):
            return "there is no systemctl program here"
        try:
            answered = self._ask("show-environment")
        except OSError as error:
            return str(error)
        return None if answered.code == 0 else f"systemctl --user: {answered.complaint}"

    def text(self, entry: Entry) -> str:
        files = {f"{entry.name}.service": _unit(entry), f"{entry.name}.timer": _timer(entry)}
        return "\n".join(f"# {self._folder / name}\n{text}" for name, text in files.items())

    def install(self, entry: Entry) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        (self._folder / f"{entry.name}.service").write_text(_unit(entry), "utf-8")
        (self._folder / f"{entry.name}.timer").write_text(_timer(entry), "utf-8")
        accepted(self._ask("daemon-reload"), _PROGRAM)
        accepted(self._ask("enable", "--now", f"{entry.name}.timer"), _PROGRAM)

    def remove(self, name: str) -> bool:
        if not self.has(name):
            return False
        accepted(self._ask("disable", "--now", f"{name}.timer"), _PROGRAM)
        for suffix in ("timer", "service"):
            (self._folder / f"{name}.{suffix}").unlink(missing_ok=True)
        accepted(self._ask("daemon-reload"), _PROGRAM)
        return True

    def has(self, name: str) -> bool:
        return (self._folder / f"{name}.timer").exists()

    def _ask(self, *words: str) -> Answered:
        argv = [_PROGRAM, "--user", *words]
        return ask(argv, Path("/"), self._environment, timeout_ms=_SOON_MS)


def _unit(entry: Entry) -> str:
    named = (f"{name}={value}" for name, value in entry.environment.items())
    return _UNIT.format(
        title=_plain(entry.title),
        folder=_plain(str(entry.folder)),
        environment="\n".join(f"Environment={_word(each)}" for each in named),
        command=" ".join(_word(word).replace("$", "$$") for word in entry.argv),
    )


def _timer(entry: Entry) -> str:
    minutes = ",".join(f"{minute:02d}" for minute in entry.minutes)
    return _TIMER.format(title=_plain(entry.title), minutes=minutes)


def _plain(text: str) -> str:
    return text.replace("%", "%%")


def _word(text: str) -> str:
    escaped = _plain(text).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
