"""The user's crontab: one marked block for each plan, everything else in it left as it is."""

from __future__ import annotations

import re
import shlex
import shutil
from collections.abc import Mapping
from pathlib import Path

from bydawn.processes.schedulers.entry import Entry, SchedulerFailed, accepted
from bydawn.processes.tools import ask

_PROGRAM = "crontab"
_EMPTY = b"no crontab"
_EVERY_HOUR = 60
# Vixie's cron and its heirs take no longer command; some of them cut it without a word.
_LONGEST = 998


class Cron:
    """``crontab -l`` and ``crontab -``."""

    kind = "cron"

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = environment

    def why_not(self) -> str | None:
        if shutil.which(_PROGRAM, path=self._environment.get("PATH")):
            return None
        return "there is no crontab program here"

    def text(self, entry: Entry) -> str:
        line = f"{_minutes(entry.minutes)} * * * * {_command(entry)}"
        return f"{_begin(entry.name)}\n# {entry.title}\n{line}\n{_end(entry.name)}\n"

    def install(self, entry: Entry) -> None:
        size = len(_command(entry).encode())
        if size > _LONGEST:
            raise SchedulerFailed(
                f"the command would have {size} characters and cron takes {_LONGEST}: try again"
                " with a shorter PATH, or with another --via"
            )
        rest = _without(self._read(), entry.name)
        self._write(f"{rest}{self.text(entry)}")

    def remove(self, name: str) -> bool:
        found = self._read()
        rest = _without(found, name)
        if rest == found:
            return False
        self._write(rest)
        return True

    def has(self, name: str) -> bool:
        return _begin(name) in self._read().splitlines()

    def _read(self) -> str:
        answered = ask([_PROGRAM, "-l"], Path("/"), self._environment)
        if answered.code == 1 and _EMPTY in answered.errors:
            return ""
        return accepted(answered, _PROGRAM).output.decode(errors="surrogateescape")

    def _write(self, text: str) -> None:
        given = text.encode(errors="surrogateescape")
        accepted(ask([_PROGRAM, "-"], Path("/"), self._environment, given), _PROGRAM)


def _command(entry: Entry) -> str:
    """As cron is to read it, which takes an unescaped % for the end of the line."""
    named = " ".join(f"{name}={shlex.quote(v)}" for name, v in entry.environment.items())
    command = f"cd {shlex.quote(str(entry.folder))} && {named} {shlex.join(entry.argv)}"
    return command.replace("%", r"\%")


def _begin(name: str) -> str:
    return f"# {name} begin: written by bydawn schedule install"


def _end(name: str) -> str:
    return f"# {name} end"


def _without(text: str, name: str) -> str:
    """The crontab without our block, its last line ended."""
    block = f"^{re.escape(_begin(name))}$.*?^{re.escape(_end(name))}$\n?"
    rest = re.sub(block, "", text, flags=re.MULTILINE | re.DOTALL)
    return rest if not rest or rest.endswith("\n") else f"{rest}\n"


def _minutes(minutes: tuple[int, ...]) -> str:
    """The minutes as people write them in a crontab."""
    if len(minutes) == _EVERY_HOUR:
        return "*"
    step = minutes[1] - minutes[0] if len(minutes) > 1 else 0
    if step and minutes == tuple(range(minutes[0], _EVERY_HOUR, step)):
        return f"*/{step}" if minutes[0] == 0 else f"{minutes[0]}-59/{step}"
    return ",".join(map(str, minutes))
