"""Ways to have a whole family of processes do nothing for a while and know nothing of it."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from pathlib import Path

from nightly import until
from ready import GROUP

FREEZING = "a cgroup of version 2 that this account may make and freeze is needed"
TURNING = "leave to make a time namespace is needed (unshare -T)"
HOURS = ("unshare", "-T", "--boottime", "36000", "--monotonic", "36000")


def cgroup_root() -> Path | None:
    """Where groups can be made and frozen; None where they cannot."""
    for line in Path("/proc/mounts").read_text("utf-8").splitlines():
        _, place, kind, *_ = line.split()
        with contextlib.suppress(OSError):
            if kind == "cgroup2":
                tried = Path(place, f"tried-{os.getpid()}")
                tried.mkdir()
                can = (tried / "cgroup.freeze").exists()
                tried.rmdir()
                return Path(place) if can else None
    return None


def can_turn_clocks() -> bool:
    with contextlib.suppress(OSError):
        return subprocess.run([*HOURS, "true"], capture_output=True, check=False).returncode == 0
    return False


class Frozen:
    """A control group of its own; what is started through it can be frozen as a whole."""

    def __init__(self, root: Path, name: str) -> None:
        self._group = root / f"{name}-{os.getpid()}"
        self._group.mkdir()
        self.more = {GROUP: str(self._group)}

    def sleep(self, _pid: int) -> None:
        (self._group / "cgroup.freeze").write_text("1")
        events = self._group / "cgroup.events"
        until(lambda: "frozen 1" in events.read_text("utf-8"))

    def wake(self) -> None:
        (self._group / "cgroup.freeze").write_text("0")

    def close(self) -> None:
        self.wake()
        until(lambda: not (self._group / "cgroup.procs").read_text("utf-8").strip(), 60)
        self._group.rmdir()


class Stopped:
    """The nearest thing: every process below one is stopped, parents before their children."""

    def __init__(self) -> None:
        self.more: dict[str, str] = {}
        self._stopped: list[int] = []

    def sleep(self, pid: int) -> None:
        ahead = [pid]
        while ahead:
            one = ahead.pop(0)
            with contextlib.suppress(OSError):
                os.kill(one, signal.SIGSTOP)
                self._stopped.append(one)
                ahead += _children(one)

    def wake(self) -> None:
        while self._stopped:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self._stopped.pop(), signal.SIGCONT)

    def close(self) -> None:
        self.wake()


def _children(pid: int) -> list[int]:
    lists = Path(f"/proc/{pid}/task").glob("*/children")
    return [int(child) for one in lists for child in one.read_text("utf-8").split()]
