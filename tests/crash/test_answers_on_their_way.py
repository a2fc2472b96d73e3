"""Orders whose answers nobody waits for, while those who were to answer die, stop or are let go."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from pathlib import Path
from queue import SimpleQueue

import pytest
from supervised import command, end_of, ended, supervisor_of, until

from bydawn.core.sightings import Absent, Ended, LaunchAnswer, Launched, LaunchUnclear, Vanished
from bydawn.processes import link
from bydawn.processes.machine import parent_of
from bydawn.processes.runs import Call, LocalRuns, Order

Answers = SimpleQueue[tuple[str, LaunchAnswer]]
# Imports that wait, so that nobody is answered yet.
_SLOW = """
import os, time
with open("{place}/importing", "a") as stream: stream.write(".")
while not os.path.exists("{place}/go"): time.sleep(0.01)
def call(name):
    with open("{place}/made", "a") as stream: stream.write(name + "\\n")
"""


def called(place: Path, name: str) -> Order:
    (place / "slow.py").write_text(_SLOW.format(place=place))
    call = Call("slow:call", (sys.executable, "-P"), str(place), name, with_item=True)
    environment = {"PATH": os.environ["PATH"]}
    return Order(name, str(place / "runs" / name), environment, 20_000, 500, call=call)


def send(runs: LocalRuns, order: Order, answers: Answers) -> None:
    runs.start_later(order).when_known(lambda said: answers.put((order.launch_key, said)))


def importing(place: Path) -> int:
    return len((place / "importing").read_text()) if (place / "importing").exists() else 0


def is_claimed(place: Path, name: str) -> bool:
    return (place / "runs" / name / "claim").exists()


def test_a_supervisor_killed_before_its_answer_is_told_of_at_once(
    runs: LocalRuns, tmp_path: Path
) -> None:
    answers: Answers = SimpleQueue()
    send(runs, called(tmp_path, "one"), answers)
    until(lambda: importing(tmp_path))
    assert answers.empty()
    os.kill(supervisor_of(tmp_path, "runs/one"), signal.SIGKILL)
    assert answers.get(timeout=10) == ("one", Launched("runs/one"))
    assert end_of(runs, "runs/one") == Vanished("supervisor died")


def test_what_a_killed_nursery_was_told_is_told_to_the_next(
    runs: LocalRuns, tmp_path: Path
) -> None:
    """Some were at their supervisors, some in line: each is made once, and each is answered."""
    answers: Answers = SimpleQueue()
    names = {f"n{number}" for number in range(4 * (os.cpu_count() or 1) + 4)}
    for name in sorted(names):
        send(runs, called(tmp_path, name), answers)
    until(lambda: importing(tmp_path))
    first = next(name for name in sorted(names) if is_claimed(tmp_path, name))
    os.kill(parent_of(supervisor_of(tmp_path, f"runs/{first}")) or 0, signal.SIGKILL)
    (tmp_path / "go").touch()
    answered = dict(answers.get(timeout=15) for _ in names)
    assert answered.keys() == names
    assert all(isinstance(answer, Launched) for answer in answered.values()), answered
    for name in names:
        assert isinstance(end_of(runs, f"runs/{name}"), Ended)
    assert sorted((tmp_path / "made").read_text().split()) == sorted(names)


def test_sending_never_waits_for_room_in_the_pipe(runs: LocalRuns, tmp_path: Path) -> None:
    """The nursery is stopped; two megabytes of orders follow when it goes on."""
    ended(runs, _handle(runs.start(command(tmp_path, "first", "true"))))
    nursery = parent_of(supervisor_of(tmp_path, "runs/first")) or 0
    answers: Answers = SimpleQueue()
    os.kill(nursery, signal.SIGSTOP)
    try:
        began = time.monotonic()
        for number in range(100):
            send(runs, command(tmp_path, f"n{number}", f"true {'x' * 20_000}"), answers)
        assert time.monotonic() - began < 5
        assert answers.empty()
    finally:
        os.kill(nursery, signal.SIGCONT)
    got = [answers.get(timeout=15)[1] for _ in range(100)]
    assert all(isinstance(answer, Launched) for answer in got)


def test_who_is_let_go_of_while_orders_wait_starts_nobody_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    others = set(threading.enumerate())
    local, answers = LocalRuns(tmp_path, "leaving"), SimpleQueue[tuple[str, LaunchAnswer]]()
    names = [f"n{number}" for number in range(4 * (os.cpu_count() or 1) + 4)]
    for name in names:
        send(local, called(tmp_path, name), answers)
    until(lambda: importing(tmp_path))
    monkeypatch.setattr(link, "_started", _nobody)
    local.close()
    got = [answers.get(timeout=1)[1] for _ in names]
    assert all(isinstance(answer, LaunchUnclear) for answer in got)
    (tmp_path / "go").touch()
    late = [name for name in names if not is_claimed(tmp_path, name)]
    assert late
    listeners = [one for one in threading.enumerate() if one.name == "bydawn-answers"]
    for one in set(listeners) - others:
        one.join(15)
        assert not one.is_alive()
    for name in late:
        assert LocalRuns(tmp_path, "next").find(str(tmp_path / "runs" / name)) == Absent()


def _handle(answer: LaunchAnswer) -> str:
    assert isinstance(answer, Launched), answer
    return answer.handle


def _nobody() -> None:
    raise AssertionError("a nursery was started for a runner that left")
