"""The end of a run is the end of its whole tree."""

from __future__ import annotations

import os
import signal
from pathlib import Path

from supervised import command, ended, launch, living, supervisor_of, until

from bydawn.processes.runs import LocalRuns


def _mark(number: int) -> str:
    return f"{number}.{os.getpid()}"


def test_a_stop_reaches_a_stubborn_tree(runs: LocalRuns, tmp_path: Path) -> None:
    mark = _mark(6661)
    script = (
        f"trap '' TERM; (setsid env -i /bin/sleep {mark} &); while :; do /bin/sleep {mark}; done"
    )
    handle = launch(runs, command(tmp_path, "stop", script, grace_ms=200))
    until(lambda: len(living(mark)) >= 2)
    assert runs.end(handle, "stall").asked
    outcome = ended(runs, handle).outcome
    assert outcome.stopped == "stall"
    assert outcome.failure is not None
    assert outcome.failure.code == "stall"
    assert not living(mark)


def test_a_run_may_tidy_up_within_its_grace(runs: LocalRuns, tmp_path: Path) -> None:
    script = "trap 'echo tidied; exit 0' TERM; echo ready; while :; do /bin/sleep 0.05; done"
    handle = launch(runs, command(tmp_path, "tidy", script, grace_ms=10_000))
    log = tmp_path / handle / "output.log"
    until(lambda: log.exists() and "ready" in log.read_text())
    runs.end(handle, "cancel")
    outcome = ended(runs, handle).outcome
    assert "tidied" in log.read_text()
    assert (outcome.exit_code, outcome.stopped) == (0, "cancel")
    assert outcome.failure is not None


def test_what_a_job_leaves_running_is_ended_with_it(runs: LocalRuns, tmp_path: Path) -> None:
    mark = _mark(6662)
    script = f"(trap '' TERM; setsid env -i /bin/sleep {mark}) & (/bin/sleep {mark} &) ; exit 0"
    outcome = ended(runs, launch(runs, command(tmp_path, "left", script))).outcome
    assert not living(mark)
    assert (outcome.exit_code, outcome.failure, outcome.stopped) == (0, None, None)


def test_a_stopped_process_is_ended_too(runs: LocalRuns, tmp_path: Path) -> None:
    mark = _mark(6663)
    script = f"/bin/sleep {mark} & kill -STOP $!; kill -STOP $$"
    handle = launch(runs, command(tmp_path, "frozen", script, timeout_ms=300, grace_ms=200))
    assert ended(runs, handle).outcome.stopped == "timeout"
    assert not living(mark)


def test_a_stopped_process_may_tidy_up_too(runs: LocalRuns, tmp_path: Path) -> None:
    script = "trap 'echo tidied; exit 0' TERM; echo ready; kill -STOP $$; /bin/sleep 60"
    handle = launch(runs, command(tmp_path, "thaw", script, grace_ms=10_000))
    log = tmp_path / handle / "output.log"
    until(lambda: log.exists() and "ready" in log.read_text())
    runs.end(handle, "cancel")
    ended(runs, handle)
    assert "tidied" in log.read_text()


def test_a_tree_that_forks_on_and_on_is_caught(runs: LocalRuns, tmp_path: Path) -> None:
    """Each process starts the next, in a session of its own, and ends."""
    mark = f"chain{os.getpid()}"
    program = tmp_path / f"{mark}.sh"
    program.write_text('trap "" TERM\nsetsid /bin/sh "$0" &\n/bin/sleep 0.01\n')
    script = f"/bin/sh {program} & exec /bin/sleep 60"
    handle = launch(runs, command(tmp_path, "chain", script, timeout_ms=400, grace_ms=100))
    until(lambda: living(mark))
    assert ended(runs, handle).outcome.stopped == "timeout"
    assert not living(mark)


def test_a_stop_after_the_end_changes_nothing(runs: LocalRuns, tmp_path: Path) -> None:
    handle = launch(runs, command(tmp_path, "over", "exit 3"))
    first = ended(runs, handle)
    assert runs.end(handle, "cancel").asked
    other = launch(runs, command(tmp_path, "other", "exit 0"))
    assert ended(runs, other).outcome.failure is None
    assert runs.look(handle) == first


def test_a_wake_meant_for_an_earlier_run_does_not_stop_the_next(
    runs: LocalRuns, tmp_path: Path
) -> None:
    """A supervisor serves one run after another; a late signal must find no wish in the new one."""
    ended(runs, launch(runs, command(tmp_path, "one", "true")))
    script = f"until [ -e {tmp_path}/go ]; do /bin/sleep 0.02; done; exit 0"
    handle = launch(runs, command(tmp_path, "two", script))
    os.kill(supervisor_of(tmp_path, handle), signal.SIGUSR1)
    (tmp_path / "go").touch()
    assert ended(runs, handle).outcome.failure is None


def test_a_terminated_supervisor_ends_its_run_in_order(runs: LocalRuns, tmp_path: Path) -> None:
    handle = launch(runs, command(tmp_path, "down", "exec /bin/sleep 60"))
    os.kill(supervisor_of(tmp_path, handle), signal.SIGTERM)
    assert ended(runs, handle).outcome.stopped == "interrupted"
