"""Parts of the supervisor with a clock wound by hand, forged records and streams of any shape."""

from __future__ import annotations

import os
import signal
import subprocess
import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from supervised import (
    command,
    ended,
    launch,
    living,
    parent_of,
    runner_process,
    supervisor_of,
    until,
)

from bydawn.processes import machine
from bydawn.processes.bell import Bell
from bydawn.processes.folder import RunFolder
from bydawn.processes.output import OutputLog
from bydawn.processes.runs import LocalRuns
from bydawn.processes.tree import Tree
from bydawn.processes.vigil import Vigil

_HOUR = 3_600_000


class _WoundBell(Bell):
    """Waits by moving the clock on: each wait may take as long as the next sleep of the machine."""

    def __init__(self) -> None:
        self.now = 1_000_000
        self.asked: list[int | None] = []
        self.sleeps = [0]
        self.terminated = False

    def hear(self, descriptor: int) -> None: ...

    def wait(self, timeout_ms: int | None) -> set[int]:
        self.asked.append(timeout_ms)
        self.now += (timeout_ms or 0) + (self.sleeps.pop() if self.sleeps else 0)
        return set()


@pytest.fixture
def bell(monkeypatch: pytest.MonkeyPatch) -> _WoundBell:
    wound = _WoundBell()
    monkeypatch.setattr(machine, "sleepless_ms", lambda: wound.now)
    return wound


def _vigil(bell: _WoundBell, folder: Path) -> Vigil:
    log = OutputLog(str(folder / "output.log"), 1000)
    return Vigil(bell, RunFolder(str(folder)), Tree(0), log, -1)


def test_a_limit_is_kept_to_the_millisecond(bell: _WoundBell, tmp_path: Path) -> None:
    vigil = _vigil(bell, tmp_path)
    vigil.limit(8 * _HOUR, 10_000)
    start = bell.now
    while not vigil.must_stop():
        vigil.turn()
    assert (vigil.stopped, bell.now - start) == ("timeout", 8 * _HOUR)


def test_a_night_asleep_is_noticed_within_fifteen_seconds(bell: _WoundBell, tmp_path: Path) -> None:
    vigil = _vigil(bell, tmp_path)
    vigil.limit(_HOUR, 10_000)
    bell.sleeps = [10 * _HOUR]
    vigil.turn()
    assert bell.asked == [15_000]
    assert vigil.must_stop()


def test_a_wish_to_stop_is_read_without_a_signal(bell: _WoundBell, tmp_path: Path) -> None:
    vigil = _vigil(bell, tmp_path)
    vigil.limit(_HOUR, 10_000)
    vigil.turn()
    assert not vigil.must_stop()
    RunFolder(str(tmp_path)).ask_to_stop("budget")
    assert vigil.must_stop()
    assert vigil.stopped == "budget"


def test_the_clock_of_limits_does_not_stop_in_sleep() -> None:
    """Where the machine has such a clock, it is the one used."""
    import time

    if not hasattr(time, "CLOCK_BOOTTIME"):
        pytest.skip("no CLOCK_BOOTTIME here")
    assert abs(machine.sleepless_ms() - time.clock_gettime(time.CLOCK_BOOTTIME) * 1000) < 1_000


def test_a_reused_pid_is_never_signalled() -> None:
    stranger = subprocess.Popen(["/bin/sleep", "60"])
    try:
        ticks = machine.start_ticks(stranger.pid)
        assert ticks is not None
        assert not machine.signal_identified(stranger.pid, ticks - 1, signal.SIGTERM)
        machine.signal_below(stranger.pid, signal.SIGTERM, {stranger.pid})
        assert machine.signal_identified(stranger.pid, ticks, signal.SIGKILL)
        assert stranger.wait(10) == -signal.SIGKILL
        assert not machine.signal_identified(stranger.pid, ticks, signal.SIGKILL)
    finally:
        stranger.kill()
        stranger.wait()


def test_a_forged_claim_does_not_turn_a_stop_on_a_stranger(runs: LocalRuns, tmp_path: Path) -> None:
    """The record of a claim names another process; only the lock says that its holder lives."""
    stranger = subprocess.Popen(["/bin/sleep", "60"])
    try:
        handle = launch(runs, command(tmp_path, "forged", "exec /bin/sleep 60"))
        supervisor = supervisor_of(tmp_path, handle)
        (tmp_path / handle / "claim").write_text(f'{{"pid": {stranger.pid}, "ticks": 1}}')
        answer = runs.end(handle, "cancel")
        assert answer.asked
        assert "15 s" in answer.detail
        assert stranger.poll() is None
        os.kill(supervisor, signal.SIGUSR1)
        assert ended(runs, handle).outcome.stopped == "cancel"
    finally:
        stranger.kill()
        stranger.wait()


def test_an_order_of_a_dead_runner_is_not_started_late(tmp_path: Path) -> None:
    """The nursery is stopped, the runner orders and dies, the nursery goes on."""
    mark = f"9991.{os.getpid()}"
    program = (
        "import threading\n"
        "launch(runs, command(state, 'first', 'true'))\n"
        "until(lambda: (state / 'go').exists())\n"
        f"late = command(state, 'late', 'exec /bin/sleep {mark}')\n"
        "threading.Thread(target=runs.start, args=(late,), daemon=True).start()\n"
        "time.sleep(0.3)\n(state / 'ordered').touch()\n"
    )
    with runner_process(tmp_path, program) as runner:
        until((tmp_path / "runs/first/end.json").exists)
        nursery = parent_of(supervisor_of(tmp_path, "runs/first"))
        os.kill(nursery, signal.SIGSTOP)
        (tmp_path / "go").touch()
        until((tmp_path / "ordered").exists)
        runner.kill()
        runner.wait()
        os.kill(nursery, signal.SIGCONT)
        until(lambda: not Path(f"/proc/{nursery}").exists())
    assert not (tmp_path / "runs/late").exists()
    assert not living(mark)


@given(st.lists(st.binary(max_size=70), max_size=30), st.integers(2, 100))
def test_the_log_keeps_the_beginning_and_the_end(pieces: list[bytes], cap: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        log = OutputLog(f"{folder}/output.log", cap)
        for piece in pieces:
            log.take(piece)
        log.close()
        whole = b"".join(pieces)
        # Of what said nothing there is no file.
        assert os.listdir(folder) == (["output.log"] if whole else [])
        kept = Path(folder, "output.log").read_bytes() if whole else b""
    assert log.seen == len(whole)
    if len(whole) <= cap:
        assert kept == whole
    else:
        cut = len(whole) - cap
        head, tail = whole[: cap // 2], whole[cap // 2 + cut :]
        assert kept == head + f"\n[{cut} bytes of output cut here]\n".encode() + tail


def test_a_log_that_cannot_be_written_costs_only_the_log(tmp_path: Path) -> None:
    log = OutputLog(str(tmp_path / "output.log"), 4)
    (tmp_path / "output.tail").symlink_to("/dev/full")
    log.take(b"0123456789")
    log.close()
    assert log.seen == 10
    assert (tmp_path / "output.log").read_bytes() == b"01"
