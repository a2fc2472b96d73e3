"""A real local Ray head runs a plan of 20 commands, loses its runner in the middle, and starts no
command twice. Needs a ``ray`` on PATH (or RAY_PROGRAM); without one there is nothing to show."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(900)]
SOURCES = Path(__file__).parents[2] / "src"
RAY = os.environ.get("RAY_PROGRAM") or shutil.which("ray")
COUNT = 20
WORK = """
import json, os, sys, time
time.sleep(1)
with open(os.environ["BYDAWN_REPORT"], "a") as report:
    report.write(json.dumps({"result": int(sys.argv[1]) ** 2}) + "\\n")
with open("out.txt", "w") as out:
    out.write(sys.argv[1])
"""
PLAN = """
name = "squares"
[run]
parallel = 6
[[job]]
id = "work"
backend = "ray"
items = "items.jsonl"
key = ["n"]
argv = ["python3", "{{ plan.dir }}/work.py", "{{ item.n }}"]
publish = [{ from = "out.txt", file = "public/{{ item.n }}.txt" }]
"""


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port


@pytest.fixture
def head(tmp_path: Path) -> Iterator[str]:
    """The address of a head of our own; every process of its session is ended afterwards."""
    if RAY is None:
        pytest.skip("there is no ray here")
    place, port = Path("/tmp") / f"bydawn-ray-{os.getpid()}", free_port()
    with open(tmp_path / "head.log", "wb") as log:
        started = subprocess.Popen(
            [RAY, "start", "--head", "--block", "--num-cpus=2", f"--port={free_port()}",
             f"--dashboard-port={port}", "--disable-usage-stats", f"--temp-dir={place}",
             "--object-store-memory=100000000"],
            stdout=log, stderr=log, start_new_session=True,
        )  # fmt: skip
    address = f"http://127.0.0.1:{port}"
    try:
        until(lambda: asked(f"{address}/api/version"), 120)
        yield address
    finally:
        started.send_signal(signal.SIGTERM)
        started.wait(60)
        shutil.rmtree(place, ignore_errors=True)


def asked(url: str) -> Any:
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            return json.load(answer)
    except OSError:
        return None


def until(condition: Any, limit_s: float) -> None:
    give_up_at = time.monotonic() + limit_s
    while not condition():
        assert time.monotonic() < give_up_at, "it did not come to pass"
        time.sleep(0.2)


def test_twenty_commands_and_a_killed_runner(head: str, tmp_path: Path) -> None:
    (tmp_path / "work.py").write_text(WORK)
    items = "".join(f'{{"n": {number}}}\n' for number in range(COUNT))
    (tmp_path / "items.jsonl").write_text(items)
    (tmp_path / "night.toml").write_text(PLAN)
    environment = {**os.environ, "PYTHONPATH": str(SOURCES), "RAY_API_SERVER_ADDRESS": head}
    words = [sys.executable, "-m", "bydawn", "run", "night.toml", "--progress", "none", "--json"]
    first = subprocess.Popen(words, cwd=tmp_path, env=environment, stdout=subprocess.DEVNULL)
    public = tmp_path / "public"
    until(lambda: public.exists() and len(list(public.iterdir())) >= 3, 300)
    first.kill()
    first.wait()
    again = subprocess.run(words, cwd=tmp_path, env=environment, capture_output=True, check=False)
    told = json.loads(again.stdout)
    assert (again.returncode, told["counts"]["succeeded"]) == (0, COUNT)
    assert sorted(job["result"] for job in told["jobs"]) == [n * n for n in range(COUNT)]
    submitted = [job["submission_id"] for job in asked(f"{head}/api/jobs/")]
    assert len(submitted) == len(set(submitted)) == COUNT
