"""Real nights for the crash tests: the command as a user types it, and an independent recorder."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ready import Forked, Ready

SOURCE = str(Path(__file__).parents[2] / "src")
# What a kill cannot touch needs no disk; power losses are proved elsewhere.
MEMORY = "/dev/shm" if Path("/dev/shm").is_dir() else None


@dataclass
class Night:
    """One folder with a plan, and a recorder that only the jobs write to."""

    folder: Path
    more: dict[str, str] = field(default_factory=dict)
    through: tuple[str, ...] = ()  # a program that starts the command in a world of its own
    program: tuple[str, ...] = ("-m", "bydawn")
    ready: Ready | None = None  # what has loaded the product already, and forks

    @property
    def recorder(self) -> Path:
        return self.folder / "recorder.txt"

    def plan(self, text: str, name: str = "plan.toml") -> Path:
        path = self.folder / name
        path.write_text(text, "utf-8")
        return path

    def items(self, count: int) -> None:
        lines = (json.dumps({"site": "s", "slug": f"item-{n:04}"}) for n in range(count))
        (self.folder / "records.jsonl").write_text("\n".join(lines) + "\n", "utf-8")

    def environment(self) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("BYDAWN")}
        ours = {"PYTHONPATH": SOURCE, "XDG_CONFIG_HOME": str(self.folder / "no-config")}
        return {**kept, **ours, **self.more}

    def start(self, *arguments: str) -> subprocess.Popen[str] | Forked:
        """The command, in the background, in a session of its own."""
        if self.ready is not None:
            return self.ready.start(arguments, self.folder, self.environment())
        return subprocess.Popen(
            [*self.through, sys.executable, *self.program, *arguments],
            cwd=self.folder,
            env=self.environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def run(self, *arguments: str, timeout: float = 60) -> subprocess.CompletedProcess[str]:
        started = self.start(*arguments)
        try:
            out, err = started.communicate(timeout=timeout)
        except subprocess.TimeoutExpired:
            kill(started)
            raise
        return subprocess.CompletedProcess(arguments, started.returncode, out, err)

    def json(self, *arguments: str, timeout: float = 60) -> tuple[int, Any]:
        done = self.run("--json", *arguments, timeout=timeout)
        assert "Traceback" not in done.stderr, done.stderr
        return done.returncode, json.loads(done.stdout) if done.stdout.strip() else None

    def effects(self) -> Counter[str]:
        """What the recorder saw, and how often."""
        try:
            return Counter(self.recorder.read_text("utf-8").split())
        except FileNotFoundError:
            return Counter()


def kill(process: subprocess.Popen[str] | Forked) -> None:
    """SIGKILL, as the out-of-memory killer does it."""
    process.send_signal(signal.SIGKILL)
    process.communicate()


def until(condition: Callable[[], bool], seconds: float = 20) -> None:
    """Wait for a real event, bounded."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it never came"
        time.sleep(0.01)


def living(marks: Iterable[str]) -> list[int]:
    """Processes whose command line carries one of the marks."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                line = (entry / "cmdline").read_bytes().decode(errors="replace")
            except OSError:
                continue
            if any(mark in line for mark in marks) and int(entry.name) != os.getpid():
                found.append(int(entry.name))
    return found


def working_folder(pid: int) -> Path | None:
    """Where a process stands; None when it is gone."""
    try:
        return (Path("/proc") / str(pid) / "cwd").readlink()
    except OSError:
        return None
