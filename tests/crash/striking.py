"""Nights whose processes are struck at named points, played to their ends and judged."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import strike
import witnessed
from aftermath import Told
from nightly import MEMORY, Night, until
from ready import Forked, Ready

from bydawn.testing.fakes.frame import FakeServer

Point = tuple[str, int]
# What is stopped with the store or a gate in its hands keeps the others waiting: by the point where
# it is, or because its loop happened to be in a transaction.
_HELD_S, _FREE_S = 1.5, 6.0
IN_HAND = re.compile("commit .*: before|gate (file|http): (?!read)")


@dataclass(frozen=True)
class Taken:
    """What became of a night whose runner was stopped: whether it was, whether another one came to
    the end of it meanwhile, how many writes were refused and told, and what is wrong."""

    was_stopped: bool
    is_over: bool
    fenced: int
    harm: list[str]


@dataclass
class Struck:
    """One night of every kind of job, whose ``who`` ("runner", "supervisor", "runner without
    claims") pass counted points and are struck at some of them."""

    night: Night
    service: witnessed.Service
    who: str
    store: tuple[str, ...]
    doubted: bool = False  # a job whose supervisor is killed may have to wait for a person

    def strike(self, points: Sequence[Point], number: int = signal.SIGKILL) -> None:
        at = [(*one, number) for one in points]
        told = {"who": self.who, "folder": str(self.points), "at": at}
        self.night.more[strike.TOLD] = json.dumps(told)

    @property
    def points(self) -> Path:
        return self.night.folder / "points"

    @property
    def passed(self) -> dict[str, int]:
        return strike.passed(self.points)

    def start(self) -> Forked:
        return self.night.start("--json", *self.store, "run", "plan.toml")  # type: ignore[return-value]

    def to_its_end(self, most: int = 9) -> tuple[int, list[str]]:
        """Started again for as long as it is killed: how often, and what is wrong afterwards."""
        for kills in range(most):
            started = self.start()
            out, errors = started.communicate(timeout=60)
            if started.returncode != -signal.SIGKILL:
                return kills, self.harm(started.returncode, out, errors)
        raise AssertionError(f"killed {most} times")

    def taken_over(self, point: Point) -> Taken:
        """One runner stops itself; another one goes on for as long as it can, or a few seconds;
        then the first one goes on and knows of nothing."""
        first = self._until_stopped(point)
        return self._gone_on(first, _HELD_S if IN_HAND.match(point[0]) else _FREE_S)

    def orphaned(self, point: Point) -> Taken:
        """A supervisor stops itself, and its runner is killed; another one goes on, and then the
        supervisor, that has nobody left to tell."""
        first = self._until_stopped(point)
        first.kill()
        return self._gone_on(first, _HELD_S)

    def _until_stopped(self, point: Point) -> Forked:
        self.strike([point], signal.SIGSTOP)
        first = self.start()
        until(lambda: first.poll() is not None or self._stopped() is not None, 60)
        return first

    def _gone_on(self, first: Forked, patience_s: float) -> Taken:
        """A third runner tells how it stands in the end."""
        second = self.start()
        is_over = _ends_within(second, patience_s)
        for pid in filter(None, [self._stopped()]):
            os.kill(pid, signal.SIGCONT)
        ends = [(*one.communicate(timeout=60), one.returncode) for one in (first, second)]
        found = [
            harm
            for _, said, code in ends
            if code != -signal.SIGKILL
            for harm in Told(code, said).harm
        ]
        done = self.start()
        out, errors = done.communicate(timeout=60)
        fenced = json.loads(out)["fenced_writes"] if out.strip() else 0
        was_stopped = (self.night.folder / strike.STOPPED).exists()
        return Taken(was_stopped, is_over, fenced, found + self.harm(done.returncode, out, errors))

    def _stopped(self) -> int | None:
        """The process that has stopped itself."""
        try:
            pid = int((self.night.folder / strike.STOPPED).read_text("utf-8"))
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except (OSError, ValueError):
            return None
        return pid if state == "T" else None

    def harm(self, code: int, out: str, errors: str) -> list[str]:
        if "Traceback" in errors or not out.strip():
            return [f"exit code {code}: {errors[-900:]}"]
        found = witnessed.harm(self.night, self.service, code, json.loads(out), self.doubted)
        self.night.more.clear()
        verified = self.night.run(*self.store, "audit", "verify")
        return found + ([verified.stdout[-700:]] if verified.returncode else [])


def _ends_within(started: Forked, seconds: float) -> bool:
    try:
        started.wait(seconds)
    except subprocess.TimeoutExpired:
        return False
    return True


@contextmanager
def struck(
    ready: Ready, who: str = "runner", store: tuple[str, ...] = (), lease: str = "2s"
) -> Iterator[Struck]:
    service = witnessed.Service()
    with tempfile.TemporaryDirectory(dir=MEMORY) as place, FakeServer(service) as server:
        folder = Path(place, "night")
        (folder / "points").mkdir(parents=True)
        night = witnessed.prepared(Night(folder, ready=ready), server.url, lease)
        found = Struck(night, service, who, store)
        found.strike(())
        try:
            yield found
        finally:
            until(lambda: not _supervised(folder), 30)


def _supervised(folder: Path) -> list[int]:
    """Processes that still stand in a folder that is about to be taken away."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                place = os.readlink(entry / "cwd")
            except OSError:
                continue
            if place.startswith(str(folder)):
                found.append(int(entry.name))
    return found


def points_of(passed: dict[str, int]) -> list[Point]:
    """Every visit of every point, in the order of their names."""
    return [(name, visit) for name in sorted(passed) for visit in range(1, passed[name] + 1)]
