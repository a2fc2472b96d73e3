"""Whether an agent's program is there, new enough and logged in; asked before anything starts."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Mapping
from dataclasses import field
from pathlib import Path

from bydawn.core.sightings import Readiness
from bydawn.core.values import value
from bydawn.processes.environment import passed_on
from bydawn.processes.tools import Answered, ask

_PATIENCE_MS = 20_000
_VERSION = re.compile(r"(\d+)\.(\d+)\.(\d+)")
Words = tuple[str, ...]


@value
class Program:
    """A vendor's program: what it is called, what it needs, how one gets it.

    ``passes`` are the variables it finds its account by, ``keys`` those of them that make a log-in
    unnecessary; ``settings`` are put into its environment; ``is_logged_in`` asks its own files or
    its own word, None where nobody can tell.
    """

    name: str
    oldest: tuple[int, int, int]
    install: str
    log_in: str
    passes: Words
    keys: Words
    is_logged_in: Callable[[str, Mapping[str, str]], bool | None]
    settings: dict[str, str] = field(default_factory=dict)


_known: dict[tuple[str, str, tuple[tuple[str, str], ...]], Readiness] = {}


def readiness(program: Program, machine: Mapping[str, str]) -> Readiness:
    """Ask once in this process; for what a run of this environment would find."""
    environment = passed_on(machine, program.passes)
    path = shutil.which(program.name, path=environment.get("PATH", ""))
    if path is None:
        return Readiness(why_not=f"{program.name} is not on PATH: {program.install}")
    asked = (program.name, path, tuple(sorted(environment.items())))
    if asked not in _known:
        _known[asked] = _asked(program, path, environment)
    return _known[asked]


def _asked(program: Program, path: str, environment: Mapping[str, str]) -> Readiness:
    said = asked_of((path, "--version"), environment)
    found = said and said.code == 0 and _VERSION.search(said.output.decode(errors="replace"))
    if not found:
        why = "does not say its version" if said else "does not answer"
        return Readiness(why_not=f"{path} {why}: {program.install}")
    version = found[0]
    if tuple(map(int, found.groups())) < program.oldest:
        oldest = ".".join(map(str, program.oldest))
        why = f"{program.name} {version} is too old, {oldest} or newer is needed"
        return Readiness(version, f"{why}: {program.install}")
    has_key = any(environment.get(key) for key in program.keys)
    if not has_key and program.is_logged_in(path, environment) is False:
        return Readiness(version, f"{program.name} is not logged in: {program.log_in}")
    return Readiness(version)


def asked_of(argv: Words, environment: Mapping[str, str]) -> Answered | None:
    """What a short call says; None where it does not end in time or cannot be started."""
    try:
        answer = ask(argv, Path("/"), environment, timeout_ms=_PATIENCE_MS)
    except OSError:
        return None
    return None if answer.code is None else answer
