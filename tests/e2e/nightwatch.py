"""A real night: ``bydawn run`` and ``bydawn serve`` as processes of their own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import IO, Any

SOURCE = Path(__file__).resolve().parents[2] / "src"
BYDAWN = (sys.executable, "-m", "bydawn")
PLAN = """
schema = 1
name = "nightly"

[run]
deadline = "8h"

[[job]]
id = "article"
shell = "echo begun; until [ -e {here}/go ]; do sleep 0.1; done; echo written; touch article.md"
timeout = "10m"
retries = 0

[[job]]
id = "audit"
argv = ["false"]
retries = 0

[[job]]
id = "publish"
argv = ["true"]
after = ["article"]
"""


class Nightwatch:
    """One folder; whatever was started in it is ended with the block."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.environment = {**os.environ, "PYTHONPATH": str(SOURCE), "HOME": str(folder)}
        self._started: list[subprocess.Popen[str]] = []
        self.write(PLAN)

    def __enter__(self) -> Nightwatch:
        return self

    def __exit__(self, *_: object) -> None:
        self.go_on()
        subprocess.run(
            [*BYDAWN, "stop", "-q"], cwd=self.folder, env=self.environment, capture_output=True,
            timeout=120, check=False,
        )  # fmt: skip
        for process in self._started:
            if process.poll() is None:
                process.kill()
            process.wait(timeout=60)
            for stream in (process.stdout, process.stderr):
                if stream:
                    stream.close()

    def write(self, plan: str) -> None:
        text = plan.replace("{here}", str(self.folder))
        (self.folder / "nightly.toml").write_text(text)

    def go_on(self) -> None:
        """What ``article`` waits for."""
        (self.folder / "go").touch()

    def run(self) -> subprocess.Popen[str]:
        """A night that has begun."""
        process = self._start("run", "nightly.toml", "--progress", "plain")
        assert _first_line(process.stderr), "the night did not begin"
        return process

    def serve(self, port: int = 0, *more: str) -> tuple[subprocess.Popen[str], str]:
        """A dashboard, and the link it has printed."""
        process = self._start("serve", "--port", str(port), *more)
        return process, _first_line(process.stdout)

    def status(self) -> dict[str, Any]:
        """What the command line says of the batch."""
        told = subprocess.run(
            [*BYDAWN, "status", "nightly", "--json"], cwd=self.folder, env=self.environment,
            capture_output=True, timeout=120, check=True,
        )  # fmt: skip
        found: dict[str, Any] = json.loads(told.stdout)
        return found

    def states(self) -> dict[str, str]:
        return {job["job"]: job["state"] for job in self.status()["jobs"]}

    def end(self, process: subprocess.Popen[str]) -> int:
        process.send_signal(signal.SIGINT)
        return process.wait(timeout=60)

    def _start(self, *words: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [*BYDAWN, *words], cwd=self.folder, env=self.environment, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip
        self._started.append(process)
        return process


def _first_line(stream: IO[str] | None) -> str:
    assert stream is not None
    return stream.readline().strip()
