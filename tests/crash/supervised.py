"""Real runs for the crash tests: orders, bounded waits, and what lives on this machine."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from bydawn.core.sightings import Alive, Ended, Launched, Sighting
from bydawn.processes.runs import LocalRuns, Order

SOURCES = Path(__file__).parents[2] / "src"


def until(condition: Callable[[], object], limit_s: float = 15.0) -> None:
    """Look again and again until it is so; fail when it takes too long."""
    end = time.monotonic() + limit_s
    while not condition():
        assert time.monotonic() < end, "it did not come to pass"
        time.sleep(0.005)


def command(state: Path, name: str, script: str, timeout_ms: int = 20_000, **more: int) -> Order:
    """A line for the shell as a run called ``name``."""
    folder = state / "runs" / name
    environment = {
        "PATH": os.environ["PATH"],
        "BYDAWN_LAUNCH_KEY": name,
        "BYDAWN_REPORT": str(folder / "report.jsonl"),
    }
    order = {"timeout_ms": timeout_ms, "grace_ms": 500, **more}
    return Order(name, str(folder), environment, argv=("/bin/sh", "-c", script), **order)


def launch(runs: LocalRuns, order: Order) -> str:
    answer = runs.start(order)
    assert isinstance(answer, Launched), answer
    return answer.handle


def end_of(runs: LocalRuns, handle: str, limit_s: float = 15.0) -> Sighting:
    """What the run comes to, once it is not alive any more."""
    seen: list[Sighting] = []

    def is_over() -> bool:
        seen.append(runs.look(handle))
        return not isinstance(seen[-1], Alive)

    until(is_over, limit_s)
    return seen[-1]


def ended(runs: LocalRuns, handle: str, limit_s: float = 15.0) -> Ended:
    sighting = end_of(runs, handle, limit_s)
    assert isinstance(sighting, Ended), sighting
    return sighting


def living(mark: str) -> list[int]:
    """The processes, not yet buried ones aside, with ``mark`` in their command line."""
    return [
        int(entry.name)
        for entry in Path("/proc").iterdir()
        if entry.name.isdigit() and int(entry.name) != os.getpid() and _lives(entry, mark)
    ]


def _lives(entry: Path, mark: str) -> bool:
    try:
        state = (entry / "stat").read_text().rpartition(")")[2].split()[0]
        return state != "Z" and mark.encode() in (entry / "cmdline").read_bytes()
    except OSError:
        return False


def supervisor_of(state: Path, handle: str) -> int:
    import json

    return int(json.loads((state / handle / "claim").read_text())["pid"])


def parent_of(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


@contextmanager
def runner_process(state: Path, program: str) -> Iterator[subprocess.Popen[bytes]]:
    """Another process with ``runs`` and the helpers of this module; killed at the end, as by -9."""
    prelude = (
        "import sys, time\n"
        f"sys.path[:0] = [{str(SOURCES)!r}, {str(Path(__file__).parent)!r}]\n"
        "from pathlib import Path\n"
        "from supervised import *\n"
        f"state = Path({str(state)!r})\n"
        "runs = LocalRuns(state, 'first')\n"
    )
    process = subprocess.Popen([sys.executable, "-c", prelude + program + "\ntime.sleep(60)"])
    try:
        yield process
    finally:
        process.kill()
        process.wait()
