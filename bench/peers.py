"""The same work done by others, where they are installed."""

from __future__ import annotations

import importlib.util
import json
import shutil
import subprocess
import sys
import time
from pathlib import Path

from programs import Failed, environment

NO_HUEY = "skipped: huey is not installed (pip install huey)"
NO_SERVED = "skipped: not installed (pip install dbos procrastinate; --peers names the interpreter)"
NO_PARALLEL = "skipped: GNU parallel is not installed"


def huey_jobs_per_s(folder: Path, count: int) -> float | None:
    """Enqueue and consume no-op jobs with Huey on SQLite; None without Huey."""
    if importlib.util.find_spec("huey") is None:
        return None
    program = Path(__file__).with_name("peer_huey.py")
    ran = subprocess.run(
        [sys.executable, str(program), str(folder / "huey.db"), str(count)],
        env=environment(), capture_output=True, text=True, check=False,
    )  # fmt: skip
    if ran.returncode != 0:
        raise Failed(f"huey: {ran.stderr.strip()[-400:]}")
    return float(json.loads(ran.stdout)["jobs_per_s"])


def parallel_jobs_per_s(folder: Path, count: int, parallel: int) -> float | None:
    """``true`` under GNU parallel with a job log; None without GNU parallel."""
    program = shutil.which("parallel")
    if program is None:
        return None
    numbers = "\n".join(map(str, range(count))) + "\n"
    began = time.perf_counter()
    ran = subprocess.run(
        [program, "--will-cite", "-j", str(parallel), "--joblog", str(folder / "log"), "true"],
        input=numbers, env=environment(), capture_output=True, text=True, check=False,
    )  # fmt: skip
    if ran.returncode != 0:
        raise Failed(f"parallel: {ran.stderr.strip()[-400:]}")
    return count / (time.perf_counter() - began)


def on_server_per_s(name: str, python: str, url: str, count: int) -> float | None:
    """No-op jobs by another durable tool on a PostgreSQL server; None where it is not installed."""
    known = subprocess.run([python, "-c", f"import {name}"], capture_output=True, check=False)
    if known.returncode != 0:
        return None
    program = Path(__file__).with_name(f"peer_{name}.py")
    ran = subprocess.run(
        [python, str(program), url, str(count)], env=environment(), capture_output=True,
        text=True, check=False,
    )  # fmt: skip
    if ran.returncode != 0:
        raise Failed(f"{name}: {ran.stderr.strip()[-400:]}")
    return float(json.loads(ran.stdout)["jobs_per_s"])
