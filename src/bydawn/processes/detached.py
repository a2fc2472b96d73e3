"""Start a process of our own that outlives us: the background runner."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path


def start_detached(
    argv: tuple[str, ...], cwd: Path, log: Path, environment: Mapping[str, str]
) -> int:
    """Start ``argv`` in a session of its own, its output appended to ``log``; its pid."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
    descriptor = os.open(log, flags, 0o600)
    try:
        started = subprocess.Popen(
            argv,
            cwd=cwd,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=descriptor,
            stderr=descriptor,
            start_new_session=True,
        )
    finally:
        os.close(descriptor)
    # It is not ours to wait for; without this the interpreter warns when the handle goes.
    started.returncode = 0
    return started.pid
