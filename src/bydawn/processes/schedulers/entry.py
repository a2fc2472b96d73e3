"""What every scheduler is asked to do, and what each of them answers to."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

from bydawn.core.values import value
from bydawn.processes.tools import Answered


@value
class Entry:
    """One program to be called at ``minutes`` of every hour, in ``folder``. ``environment`` is
    written where others may read it, so it holds no secrets."""

    name: str
    title: str
    argv: tuple[str, ...]
    folder: Path
    environment: Mapping[str, str]
    minutes: tuple[int, ...]
    log: Path


class Scheduler(Protocol):
    """One of this machine's schedulers. Everything raises SchedulerFailed with its own words."""

    kind: str

    def why_not(self) -> str | None:
        """Why it cannot be used here; None when it can."""
        ...

    def text(self, entry: Entry) -> str:
        """What ``install`` would write, for people to read."""
        ...

    def install(self, entry: Entry) -> None:
        """Write it, in place of what was there under this name."""
        ...

    def remove(self, name: str) -> bool:
        """Take it out; False when there was nothing."""
        ...

    def has(self, name: str) -> bool: ...


class SchedulerFailed(Exception):
    """The scheduler's program refused; the message is its own."""


def accepted(answered: Answered, program: str) -> Answered:
    """The answer of a program that had to succeed."""
    if answered.code != 0:
        ended = "gave no answer" if answered.code is None else f"ended with {answered.code}"
        raise SchedulerFailed(f"{program} {ended}: {answered.complaint}")
    return answered
