"""Run the program under measurement, and watch what it takes."""

from __future__ import annotations

import contextlib
import os
import shlex
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
OURS = (sys.executable, "-m", "bydawn")
_EVERY_S = 0.02


@dataclass(frozen=True, slots=True)
class Ran:
    """A finished program: its own time and that of all children it waited for."""

    wall_s: float
    cpu_s: float
    peak_mb: float
    exit_code: int
    stdout: str
    stderr: str


class Failed(Exception):
    """The program under measurement did not do what the figure is about."""


@dataclass(frozen=True, slots=True)
class Program:
    """How bydawn is started; another version is measured by another ``argv``."""

    argv: tuple[str, ...] = OURS

    @classmethod
    def of(cls, words: str) -> Program:
        return cls(tuple(shlex.split(words)))

    def run(self, folder: Path, *words: str) -> Ran:
        """Run to the end; Failed unless it exits with 0."""
        return finished(self.start(folder, *words))

    def start(self, folder: Path, *words: str) -> Running:
        return Running([*self.argv, *words], folder)

    def run_plan(self, folder: Path) -> Ran:
        return self.run(folder, *RUN)

    def start_plan(self, folder: Path) -> Running:
        return self.start(folder, *RUN)


RUN = ("-q", "run", "plan.toml", "--progress", "none")


class Running:
    """A started program, with a thread that notes the highest memory of it and its children."""

    def __init__(self, argv: Sequence[str], folder: Path) -> None:
        self.began_at = time.time()
        self._began = time.perf_counter()
        self._output = {name: (folder / f".{name}").open("w+b") for name in ("out", "err")}
        self.process = subprocess.Popen(
            argv, cwd=folder, env=environment(), stdin=subprocess.DEVNULL,
            stdout=self._output["out"], stderr=self._output["err"],
        )  # fmt: skip
        self._peak_kb = 0
        self._over = threading.Event()
        self._watch = threading.Thread(target=self._look, daemon=True)
        self._watch.start()

    def kill(self) -> None:
        """Kill -9 the program alone; what it started lives on."""
        self.process.send_signal(signal.SIGKILL)
        self.ended()

    def interrupt(self) -> None:
        self.process.send_signal(signal.SIGINT)

    def ended(self) -> Ran:
        """Wait for its end."""
        _, raw, usage = os.wait4(self.process.pid, 0)
        wall_s = time.perf_counter() - self._began
        self.process.returncode = os.waitstatus_to_exitcode(raw)
        self._over.set()
        self._watch.join()
        cpu_s = usage.ru_utime + usage.ru_stime
        out, err = (self._text(name) for name in ("out", "err"))
        return Ran(wall_s, cpu_s, self._peak_kb / 1024, self.process.returncode, out, err)

    def cpu_s(self) -> float:
        """CPU time of all its threads until now."""
        folder = Path("/proc", str(self.process.pid), "task")
        spent = (int((thread / "schedstat").read_text().split()[0]) for thread in folder.iterdir())
        return sum(spent) / 1e9

    def _look(self) -> None:
        while not self._over.wait(_EVERY_S):
            others = sum(_shared_kb(pid) for pid in _descendants(self.process.pid))
            self._peak_kb = max(self._peak_kb, _highest_kb(self.process.pid) + others)

    def _text(self, name: str) -> str:
        with self._output[name] as file:
            file.seek(0)
            return file.read().decode(errors="replace")


def finished(running: Running) -> Ran:
    ran = running.ended()
    if ran.exit_code != 0:
        last = ran.stderr.strip().splitlines()[-1:]
        raise Failed(f"exit {ran.exit_code}: {' '.join(last)[:200]}")
    return ran


def environment() -> dict[str, str]:
    """Ours without anything that would slow imports down or steer bydawn."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("BYDAWN_") and name != "PYTHONDONTWRITEBYTECODE"
    }
    paths = [str(ROOT / "src"), kept.get("PYTHONPATH", "")]
    return {**kept, "PYTHONPATH": ":".join(path for path in paths if path)}


def _highest_kb(pid: int) -> int:
    """The highest resident set the process itself has had."""
    with contextlib.suppress(OSError):
        for line in Path("/proc", str(pid), "status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1])
    return 0


def _shared_kb(pid: int) -> int:
    """A child's share of memory now; pages it shares with its parent count by halves."""
    with contextlib.suppress(OSError):
        for line in Path("/proc", str(pid), "smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1])
    return 0


def _descendants(pid: int) -> Iterator[int]:
    with contextlib.suppress(OSError, ValueError):
        text = Path("/proc", str(pid), "task", str(pid), "children").read_text()
        for child in map(int, text.split()):
            yield child
            yield from _descendants(child)
