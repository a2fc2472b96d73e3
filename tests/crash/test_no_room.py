"""A machine without room for one more run: nothing is started, and the job waits instead of
failing."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from supervised import command

from bydawn.core.sightings import Ended, FailureClass, Launched, LaunchRefused
from bydawn.processes import link
from bydawn.processes.runs import LocalRuns
from bydawn.processes.spawn import SpawnFailed


def _none() -> subprocess.Popen[bytes]:
    raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))


def _stillborn() -> subprocess.Popen[bytes]:
    """It reads what it is told, and dies over it."""
    dies = "import sys; sys.stdin.readline(); sys.exit(3)"
    return subprocess.Popen(
        [sys.executable, "-c", dies], bufsize=0, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )


@pytest.mark.parametrize(
    ("start", "why"), [(_none, "Too many open files"), (_stillborn, "exit code 3")]
)
def test_without_a_parent_of_supervisors_a_launch_is_held_and_its_run_never_starts(
    runs: LocalRuns, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    start: Callable[[], subprocess.Popen[bytes]], why: str,
) -> None:  # fmt: skip
    """It was asked for again and again, once a second, for the whole night, and nobody was told."""
    order = command(tmp_path, "one", f"echo started >> {tmp_path}/starts")
    with monkeypatch.context() as patch:
        patch.setattr(link, "_start_nursery", start)
        answer = runs.start(order)
    assert isinstance(answer, LaunchRefused)
    assert (answer.failure.kind, answer.failure.retry_after_ms) == (FailureClass.HELD, 30_000)
    assert why in answer.failure.message
    assert isinstance(runs.start(order), Launched)
    seen = runs.look("runs/one")
    assert isinstance(seen, Ended)
    assert (seen.outcome.stopped, seen.outcome.started_at) == (None, None)
    assert seen.outcome.failure is not None
    assert seen.outcome.failure.kind is FailureClass.HELD
    assert not (tmp_path / "starts").exists()


@pytest.mark.parametrize(
    "number", [errno.ENOSPC, errno.EDQUOT, errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.EAGAIN]
)
def test_want_of_room_is_no_fault_of_the_job(number: int) -> None:
    assert SpawnFailed.of(OSError(number, os.strerror(number)), "it").kind == "held"
    assert SpawnFailed.of(OSError(errno.EIO, "broken"), "it").kind == "transient"
