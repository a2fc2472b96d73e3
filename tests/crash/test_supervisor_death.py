"""Whoever dies, runs keep their limits and their records, and nothing is left behind."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

from supervised import (
    command,
    end_of,
    ended,
    launch,
    living,
    parent_of,
    runner_process,
    supervisor_of,
    until,
)

from bydawn.core.sightings import Alive, Found, Launched, Vanished
from bydawn.processes.runs import LocalRuns

# Ignores TERM, and has a child that left its session, its parent and its environment.
_STUBBORN = (
    "trap '' TERM; (setsid env -i /bin/sleep 7771.{0} &); while :; do /bin/sleep 7772.{0}; done"
)


def test_a_run_outlives_its_killed_runner(runs: LocalRuns, tmp_path: Path) -> None:
    heard: list[str] = []
    runs.listen(heard.append)
    script = f"until [ -e {tmp_path}/go ]; do /bin/sleep 0.02; done; echo done; exit 7"
    order = command(tmp_path, "long", script)
    program = f"launch(runs, command(state, 'long', {script!r}))"
    with runner_process(tmp_path, program) as runner:
        until(lambda: isinstance(runs.look("runs/long"), Alive))
        runner.kill()
        runner.wait()
        assert runs.find(order.folder) == Found("runs/long")
        assert isinstance(runs.look("runs/long"), Alive)
        (tmp_path / "go").touch()
        outcome = ended(runs, "runs/long").outcome
    assert outcome.exit_code == 7
    assert (tmp_path / "runs/long/output.log").read_text() == "done\n"
    until(lambda: heard == ["runs/long"])


def test_nothing_lives_past_cap_and_grace_though_the_runner_is_dead(
    runs: LocalRuns, tmp_path: Path
) -> None:
    script = _STUBBORN.format(os.getpid())
    mark = f".{os.getpid()}"
    program = f"launch(runs, command(state, 'bad', {script!r}, timeout_ms=2000, grace_ms=500))"
    with runner_process(tmp_path, program) as runner:
        until(lambda: len(living("777")) >= 2 and isinstance(runs.look("runs/bad"), Alive))
        started = time.monotonic()
        time.sleep(0.5)
        runner.kill()
        runner.wait()
        assert len(living(mark)) >= 2
        until(lambda: not living(f"7771{mark}") and not living(f"7772{mark}"))
    assert time.monotonic() - started < 2.0 + 0.5 + 1.0
    outcome = ended(runs, "runs/bad").outcome
    assert outcome.stopped == "timeout"
    assert outcome.failure is not None
    assert outcome.failure.code == "timeout"
    assert outcome.ended_at is not None
    assert outcome.started_at is not None
    assert 1_900 <= outcome.ended_at - outcome.started_at <= 3_400


def test_a_killed_supervisor_leaves_nothing_alive(runs: LocalRuns, tmp_path: Path) -> None:
    mark = f"8881.{os.getpid()}"
    script = f"(setsid env -i /bin/sleep {mark} &); exec /bin/sleep {mark}"
    handle = launch(runs, command(tmp_path, "orphan", script))
    until(lambda: len(living(mark)) == 2)
    os.kill(supervisor_of(tmp_path, handle), signal.SIGKILL)
    until(lambda: not living(mark))
    assert end_of(runs, handle) == Vanished("supervisor died")
    assert not runs.end(handle, "cancel").asked


def test_the_mark_finds_what_is_left_when_nobody_watched(runs: LocalRuns, tmp_path: Path) -> None:
    mark = f"8882.{os.getpid()}"
    handle = launch(runs, command(tmp_path, "doom", f"/bin/sleep {mark} & exec /bin/sleep {mark}"))
    until(lambda: len(living(mark)) == 2)
    supervisor = supervisor_of(tmp_path, handle)
    nursery = parent_of(supervisor)
    os.kill(nursery, signal.SIGKILL)
    os.kill(supervisor, signal.SIGKILL)
    sighting = end_of(runs, handle)
    assert isinstance(sighting, Vanished)
    assert "2 of its processes were ended" in sighting.detail
    assert not living(mark)


def test_a_killed_nursery_is_replaced_and_its_runs_end_well(
    runs: LocalRuns, tmp_path: Path
) -> None:
    script = f"until [ -e {tmp_path}/go ]; do /bin/sleep 0.02; done; exit 6"
    handle = launch(runs, command(tmp_path, "first", script))
    os.kill(parent_of(supervisor_of(tmp_path, handle)), signal.SIGKILL)
    assert ended(runs, launch(runs, command(tmp_path, "next", "exit 9"))).outcome.exit_code == 9
    (tmp_path / "go").touch()
    assert ended(runs, handle).outcome.exit_code == 6


def test_processes_go_when_the_last_run_has_ended(tmp_path: Path) -> None:
    local = LocalRuns(tmp_path, "only")
    handle = launch(local, command(tmp_path, "short", "true"))
    supervisor = supervisor_of(tmp_path, handle)
    nursery = parent_of(supervisor)
    local.close()
    until(lambda: not Path(f"/proc/{supervisor}").exists())
    until(lambda: not Path(f"/proc/{nursery}").exists())


def test_the_pipe_of_a_dead_runner_is_swept(runs: LocalRuns, tmp_path: Path) -> None:
    heard: list[str] = []
    runs.listen(heard.append)
    os.mkfifo(tmp_path / "wake" / "dead")
    waiting = "while [ ! -e ../go ]; do sleep 0.01; done"
    handle = launch(runs, command(tmp_path, "sweep", waiting))
    (tmp_path / handle / "go").touch()
    until(lambda: heard == [handle])
    assert sorted(os.listdir(tmp_path / "wake")) == ["second"]


def test_every_end_that_was_not_the_answer_is_rung(runs: LocalRuns, tmp_path: Path) -> None:
    heard: list[str] = []
    runs.listen(heard.append)
    answers = [runs.start(command(tmp_path, f"short-{number}", "true")) for number in range(20)]
    assert all(isinstance(one, Launched) for one in answers)
    untold = [one for one in answers if isinstance(one, Launched) and one.sighting is None]
    until(lambda: {one.handle for one in untold} <= set(heard))


def test_a_damaged_record_is_no_end(runs: LocalRuns, tmp_path: Path) -> None:
    handle = launch(runs, command(tmp_path, "torn", "true"))
    ended(runs, handle)
    (tmp_path / handle / "end.json").write_text('{"exit_code": 0')
    assert end_of(runs, handle) == Vanished("supervisor died")
