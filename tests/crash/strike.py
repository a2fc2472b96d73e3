"""A process that kills or stops itself exactly when it passes the n-th visit of a named point.

It is put around the seams of the product from outside, before the command starts; the product knows
nothing of it. Every visit leaves one byte in a file of the point's name, so visits are counted over
all processes of a night, and what a night passed can be read afterwards.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from typing import Any

TOLD = "STRIKE"
# Where a process that stops itself leaves its pid.
STOPPED = "stopped"
_HERE = os.path.dirname(os.path.abspath(__file__))


class Points:
    """What a night passes, and where one of its processes is struck."""

    def __init__(self, told: dict[str, Any]) -> None:
        self.told = told
        self._folder: str = told["folder"]
        self._at = {(name, visit): number for name, visit, number in told["at"]}

    def reach(self, name: str) -> None:
        """Pass a point, or be struck there."""
        number = self._at.get((name, self._visits(name)))
        if number is None:
            return
        if number == signal.SIGSTOP:
            with open(os.path.join(self._folder, "..", STOPPED), "w") as file:
                file.write(str(os.getpid()))
        # To this very thread: told to the process, another one may hear it while this one goes on.
        signal.pthread_kill(threading.get_ident(), number)

    @contextlib.contextmanager
    def around(self, name: str) -> Iterator[None]:
        """A step with a point before and one after it; none after one that was not taken."""
        self.reach(f"{name}: before")
        yield
        self.reach(f"{name}: after")

    def wrapped(self, name: str, act: Callable[..., Any]) -> Callable[..., Any]:
        def stepped(*given: Any, **named: Any) -> Any:
            with self.around(name):
                return act(*given, **named)

        return stepped

    def _visits(self, name: str) -> int:
        place = os.path.join(self._folder, name.replace("/", "-"))
        descriptor = os.open(place, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            os.write(descriptor, b".")
            return os.lseek(descriptor, 0, os.SEEK_CUR)
        finally:
            os.close(descriptor)


def passed(folder: str | os.PathLike[str]) -> dict[str, int]:
    """How often each point was visited."""
    return {one.name: one.stat().st_size for one in os.scandir(folder)}


def install_as_told() -> None:
    """Around this process, which is about to be a runner, as the test that starts it wants."""
    told = os.environ.pop(TOLD, "")
    if told:
        points = Points(json.loads(told))
        if points.told["who"] != "supervisor":
            around_runner(points)
        if points.told["who"] == "runner without claims":
            forget_claims()
        if points.told["who"] != "runner":
            around_supervisors(points.told)


# The runner


def around_runner(points: Points) -> None:
    """Its commits, its calls of backends and checks, the steps of its gates, its name."""
    from bydawn.app.runs import kit
    from bydawn.backends.checks import CheckRuns
    from bydawn.processes.presence import Presence
    from bydawn.store.postgres import PostgresSession
    from bydawn.store.sqlite import SqliteSession

    for session in (SqliteSession, PostgresSession):
        _around_commits(session, points)
    _patch(kit, "Makers", _struck_makers(points))
    _patch(CheckRuns, "start", points.wrapped("check start", CheckRuns.start))
    _patch(Presence, "take", points.wrapped("name taken", Presence.take))
    _around_gates(kit, points)


def _patch(owner: Any, name: str, to: Any) -> None:
    setattr(owner, name, to)


def _around_commits(session: Any, points: Points) -> None:
    """Decided but not begun, written but not committed, committed but not known to the runner."""
    whole = session.transact

    def transact(self: Any, act: Callable[[], Any]) -> Any:
        name = f"commit {_caller()}"

        def written() -> Any:
            done = act()
            points.reach(f"{name}: before")
            return done

        points.reach(f"{name}: meant")
        done = whole(self, written)
        points.reach(f"{name}: after")
        return done

    session.transact = transact


def _caller() -> str:
    """The product's own function that asked for a transaction."""
    frame = sys._getframe(2)
    while frame.f_back and frame.f_code.co_filename.endswith(("store/sqlite.py", "postgres.py")):
        frame = frame.f_back
    return frame.f_code.co_qualname.removesuffix(".<locals>.<lambda>")


def _struck_makers(points: Points) -> Any:
    from bydawn.app.makers import Makers
    from bydawn.testing.crashpoints import CrashingBackend

    class Named:
        def __init__(self, kind: str) -> None:
            self._kind = kind

        def reach(self, name: str) -> None:
            verb, side = name.split(".")
            points.reach(f"{self._kind} {verb}: {side}")

    class StruckMakers(Makers):
        def __getitem__(self, name: str) -> Any:
            made = super().__getitem__(name)
            return lambda table: CrashingBackend(made(table), Named(name))  # type: ignore[arg-type]

    return StruckMakers


def _around_gates(kit: Any, points: Points) -> None:
    from functools import partial

    from bydawn.gates.choosing import publication_gate

    def stepped(publication: Any, *more: Any) -> Any:
        gate = publication_gate(publication, *more)
        for one in (gate, getattr(gate, "_beside", None)):
            if one is not None:
                one._steps = lambda step: points.reach(f"gate {publication.kind}: {step}")
        return gate

    _patch(kit, "Tools", partial(kit.Tools, gate_of=stepped))


# Supervisors: processes below a nursery, which is started from its own text

_BOOT = """
import sys, types
package = types.ModuleType("bydawn")
package.__path__ = [sys.argv[1]]
sys.modules["bydawn"] = package
sys.path.append({here!r})
import strike
strike.in_nursery({told!r})
from bydawn.processes.nursery import main
main()
"""


def around_supervisors(told: dict[str, Any]) -> None:
    """In the runner: its nursery, when it is started, puts itself around its supervisors."""
    from bydawn.processes import link

    _patch(link, "_BOOT", _BOOT.format(here=_HERE, told=told))


def in_nursery(told: dict[str, Any]) -> None:
    """In the process that forks supervisors, before it forks any."""
    if told["who"] == "supervisor":
        around_steps(told)
    else:
        forget_claims()


def forget_claims() -> None:
    """What is claimed may be claimed again: the witnesses must see what comes of it."""
    from bydawn.processes.folder import RunFolder

    _patch(RunFolder, "is_claimed", lambda _: False)
    _patch(os, "link", _only("claim", lambda source, to: shutil.copy(source, to), os.link))


def around_steps(told: dict[str, Any]) -> None:
    """The claim, the program's start, the record of the end, and what is said of them."""
    from bydawn.processes import calls, commands, supervisor
    from bydawn.processes.folder import RunFolder
    from bydawn.processes.records import Answer

    points = Points(told)
    for owner, name, step in (
        (RunFolder, "make", "folder made"),
        (RunFolder, "claim", "claim"),
        (RunFolder, "write_end", "end"),
        (Answer, "_give", "answer"),
        (commands, "spawn", "program start"),
        (calls, "spawn", "host start"),
        (supervisor, "announce", "announcement"),
    ):
        _patch(owner, name, points.wrapped(step, getattr(owner, name)))
    # Inside of two of them: the one call that makes it so.
    for name, mark, step in (("link", "claim", "claim link"), ("rename", "end.json", "end name")):
        _patch(os, name, _only(mark, points.wrapped(step, getattr(os, name)), getattr(os, name)))


def _only(mark: str, stepped: Callable[..., Any], plain: Callable[..., Any]) -> Callable[..., Any]:
    """Stepped where it is about a file of this name."""

    def chosen(source: str, target: str, **named: Any) -> Any:
        step = stepped if os.path.basename(target) == mark else plain
        return step(source, target, **named)

    return chosen
