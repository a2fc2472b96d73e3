"""The dashboard dying, or being slow, never touches a run."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

SOURCE = Path(__file__).resolve().parents[2] / "src"
PLAN = """
schema = 1
name = "nightly"
[[job]]
id = "first"
shell = "until [ -e {here}/go ]; do sleep 0.1; done"
[[job]]
id = "second"
argv = ["true"]
after = ["first"]
"""


def test_a_run_does_not_notice_a_dashboard_that_stands_still_and_dies(tmp_path: Path) -> None:
    """It is stopped in the middle of its answers, with readers hanging on it, and then killed."""
    (tmp_path / "nightly.toml").write_text(PLAN.replace("{here}", str(tmp_path)))
    run = _started(tmp_path, "run", "nightly.toml", "--progress", "plain")
    served = _started(tmp_path, "serve", "--port", "0")
    readers: list[socket.socket] = []
    try:
        assert run.stderr is not None
        assert served.stdout is not None
        assert run.stderr.readline()
        link = served.stdout.readline().decode().strip()
        readers = [_reader(link, path) for path in ("/events", "/", "/batches/nightly") * 4]
        served.send_signal(signal.SIGSTOP)
        (tmp_path / "go").touch()
        assert run.wait(timeout=100) == 0
        assert served.poll() is None, "it stands still to the end"
    finally:
        for process in (served, run):
            process.kill()
            process.communicate(timeout=60)
        for reader in readers:
            reader.close()


def _started(folder: Path, *words: str) -> subprocess.Popen[bytes]:
    environment = {**os.environ, "PYTHONPATH": str(SOURCE), "HOME": str(folder)}
    return subprocess.Popen(
        [sys.executable, "-m", "bydawn", *words], cwd=folder, env=environment,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip


def _reader(link: str, path: str) -> socket.socket:
    """Somebody who asks and never reads the answer."""
    place = urlsplit(link)
    key = place.query.removeprefix("token=")
    line = socket.create_connection((place.hostname or "", place.port or 0))
    head = f"GET {path} HTTP/1.1\r\nHost: {place.netloc}\r\nAuthorization: Bearer {key}\r\n\r\n"
    line.sendall(head.encode())
    return line
