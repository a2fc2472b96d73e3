"""One program of our own that is watched while it runs, and may be killed without a word."""

from __future__ import annotations

import contextlib
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path


class Child:
    """A started program; what it says on both streams goes to ``log``."""

    def __init__(
        self, argv: Sequence[str], cwd: Path, environment: Mapping[str, str], log: Path
    ) -> None:
        with log.open("ab") as output:
            self._process = subprocess.Popen(
                argv, cwd=cwd, env=environment, stdin=subprocess.DEVNULL,
                stdout=output, stderr=subprocess.STDOUT,
            )  # fmt: skip

    @property
    def pid(self) -> int:
        return self._process.pid

    def ended(self, within_s: float) -> int | None:
        """Its exit code (minus the signal that killed it), or None if it still runs after that."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            return self._process.wait(within_s)
        return None

    def kill(self) -> int:
        """End it as a power cut would: no warning, nothing said, nothing cleaned up."""
        self._process.kill()
        return self._process.wait()
