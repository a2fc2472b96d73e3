"""``bydawn doctor``: what would go wrong tonight, found out now. Changes nothing."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from bydawn.app.app import App, open_app
from bydawn.app.beforehand.room import room_of
from bydawn.app.doctor.findings import FAIL, OK, WARN, Finding, caught
from bydawn.app.names import STOP
from bydawn.app.values import Invocation
from bydawn.processes.awake import keeper
from bydawn.store.soundness import file_weaknesses, server_weaknesses

# What cron and its like give to a program, beside what the schedule carries.
_BARE = {"PATH": "/usr/bin:/bin", "SHELL": "/bin/sh"}
_OF_PERSON = ("HOME", "USER", "LOGNAME")


def examine(app: App, plan: Path | None) -> list[Finding]:
    """Look at the place, and at everything the plan will need."""
    findings = [*_of_place(app)]
    if plan is not None:
        from bydawn.app.doctor.plans import of_plan

        findings.extend(of_plan(app, plan))
    return findings


def as_scheduled(invocation: Invocation, plan: Path) -> tuple[App, list[Finding]]:
    """The same place in the environment a scheduler gives, and what is to be said about that."""
    from bydawn.app.schedules.scheduling import environment_of, show

    app = open_app(invocation, plan)
    shown = show(app, invocation.directory / plan)
    carried = shown.carried
    told = [Finding("schedule", OK, f"looked after by {', '.join(shown.installed)}")]
    if not shown.installed:
        remedy = f"bydawn schedule install {plan}"
        told = [Finding("schedule", FAIL, "nobody begins this plan's nights", remedy)]
    person = {name: invocation.environment.get(name, "") for name in _OF_PERSON}
    environment = {**_BARE, **person, **carried, **environment_of(invocation.directory / plan)}
    there = replace(invocation, environment=environment, store_url=None)
    return open_app(there, plan), told


def _of_place(app: App) -> Iterator[Finding]:
    yield from caught("store", lambda: _store(app))
    yield from caught("state folder", lambda: _folder(app))
    if (app.state_folder / STOP).exists():
        yield Finding("stop", FAIL, "a stop holds everything back", "bydawn stop --clear")
    yield _tool(app, "git", "publishing to git and workspaces need it")
    yield _awake(app.invocation.environment)


def _store(app: App) -> Iterator[Finding]:
    if not app.has_store():
        yield Finding("store", OK, f"{app.store_url}: made by the first run")
        return
    session = app.store.session
    weak = (
        server_weaknesses(session)
        if app.place.server_url
        else file_weaknesses(session, app.place.store_path)
    )
    for each in weak:
        yield Finding("store", FAIL, f"{app.store_url}: {each}")
    if not weak:
        size = session.size_bytes() // 1024
        yield Finding("store", OK, f"{app.store_url}, {size} kB, {len(app.runners())} runners")


def _folder(app: App) -> Iterator[Finding]:
    folder = app.state_folder
    nearest = next(each for each in (folder, *folder.parents) if each.exists())
    if not os.access(nearest, os.W_OK):
        yield Finding("state folder", FAIL, f"{nearest} cannot be written", "see its permissions")
        return
    room = room_of(folder, app.invocation.environment)
    told = f"{folder}, {room.told}"
    if room.is_scarce:
        level = FAIL if room.is_too_little else WARN
        yield Finding("state folder", level, told, "make room: bydawn db prune removes old logs")
    elif folder.exists() and folder.stat().st_mode & 0o077:
        yield Finding(
            "state folder", WARN, f"{folder} may be read by others", f"chmod 700 {folder}"
        )
    else:
        yield Finding("state folder", OK, told)


def _tool(app: App, program: str, why: str) -> Finding:
    found = shutil.which(program, path=app.invocation.environment.get("PATH"))
    if found:
        return Finding(program, OK, found)
    return Finding(program, WARN, f"is not on PATH; {why}")


def _awake(environment: Mapping[str, str]) -> Finding:
    argv = keeper("", environment)
    if argv:
        return Finding("awake", OK, f"{argv[0]} keeps the machine awake during unattended runs")
    return Finding("awake", WARN, "nothing here can keep the machine awake", "let it never sleep")
