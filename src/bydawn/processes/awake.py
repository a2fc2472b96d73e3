"""Keep the machine awake while something runs, where it has a program for that."""

from __future__ import annotations

import contextlib
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

_BOOTED_BY_SYSTEMD = Path("/run/systemd/system")
_SOON_S = 2.0


def keeper(why: str, environment: Mapping[str, str]) -> list[str] | None:
    """The command that holds the machine awake until its standard input ends; None without one."""
    path = environment.get("PATH")
    if sys.platform == "darwin" and shutil.which("caffeinate", path=path):
        return ["caffeinate", "-is", "cat"]
    if _BOOTED_BY_SYSTEMD.is_dir() and shutil.which("systemd-inhibit", path=path):
        said = ["--what=sleep:idle", "--mode=block", "--who=bydawn", f"--why={why}"]
        return ["systemd-inhibit", *said, "cat"]
    return None


@contextlib.contextmanager
def awake(why: str, environment: Mapping[str, str]) -> Iterator[bool]:
    """Whether somebody keeps the machine awake meanwhile. Ends with us, however we end: the
    pipe it reads from is closed then."""
    argv = keeper(why, environment)
    process = _start(argv, environment) if argv else None
    try:
        yield process is not None
    finally:
        if process is not None:
            _end(process)


def _start(argv: list[str], environment: Mapping[str, str]) -> subprocess.Popen[bytes] | None:
    quiet = subprocess.DEVNULL
    with contextlib.suppress(OSError):
        return subprocess.Popen(
            argv,
            env=dict(environment),
            stdin=subprocess.PIPE,
            stdout=quiet,
            stderr=quiet,
            start_new_session=True,
        )
    return None


def _end(process: subprocess.Popen[bytes]) -> None:
    if process.stdin is not None:
        with contextlib.suppress(OSError):
            process.stdin.close()
    try:
        process.wait(_SOON_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
