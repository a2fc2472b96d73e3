"""How many interpreters calls get: few for short ones, soon enough for long ones."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from ordered import around, handle_of, outcome_of, request, until

from bydawn.backends.python import PythonBackend
from bydawn.core.sightings import Alive, Request
from bydawn.processes.homes import LONGEST_MS, Home, Supervised
from bydawn.processes.machine import parent_of
from bydawn.processes.runs import LocalRuns

_FUNCTIONS = """
import os, time

def began(place):
    with open(f"{place}/began", "a") as stream: stream.write(f"{os.getppid()}\\n")
    while not os.path.exists(f"{place}/go"): time.sleep(0.01)
def pid(): return os.getpid()
"""
_LONG = 20


class _Pipes:
    """What supervisors of a home would read."""

    def __init__(self, home: Home) -> None:
        self._home = home
        self._ends: list[int] = []
        self._read: list[int] = []

    def started(self, lines: list[bytes]) -> list[Supervised]:
        return [self._one(line) for line in lines]

    def _one(self, line: bytes) -> Supervised:
        theirs, ours = os.pipe()
        self._read.append(theirs)
        return Supervised(self._home, ours, line)

    def heard(self, number: int) -> bytes:
        return os.read(self._read[number], 100)

    def is_dead(self, number: int) -> None:
        os.close(self._read[number])
        self._read[number] = os.open(os.devnull, os.O_RDONLY)

    def close(self) -> None:
        for end in self._read:
            os.close(end)


@pytest.fixture
def home() -> Home:
    return Home(2)


@pytest.fixture
def pipes(home: Home) -> Iterator[_Pipes]:
    made = _Pipes(home)
    yield made
    made.close()


def _orders(home: Home, count: int, now: int = 0) -> None:
    for number in range(count):
        home.add(f"{number}".encode(), now)


def test_long_calls_are_all_under_way_after_a_few_steps(home: Home, pipes: _Pipes) -> None:
    _orders(home, 64)
    steps = 0
    while home.living < 64:
        for one in pipes.started(home.unserved(0)):
            home.note_long(one)
        steps += 1
    assert steps <= 6
    assert home.patience_ms(0) is None


def test_a_long_line_of_short_calls_starts_few(home: Home, pipes: _Pipes) -> None:
    """All launches that may be made are on their way at once, and the last in line waits long."""
    _orders(home, 1_000)
    for one in pipes.started(home.unserved(0)):
        home.note_long(one)
        home.note_free(one, 0)
    for now in range(LONGEST_MS):
        home.serve()
        assert home.unserved(now) == []
    assert home.waits()


def test_whoever_is_free_serves_the_oldest_and_nobody_is_started(home: Home, pipes: _Pipes) -> None:
    _orders(home, 5)
    first, second = pipes.started(home.unserved(0))
    for now in range(1, 4):
        home.note_free((first, second)[now % 2], now)
        home.serve()
        assert home.unserved(now) == []
    assert (pipes.heard(1), pipes.heard(0)) == (b"24", b"3")
    assert home.patience_ms(10) is None


def test_one_behind_a_call_that_takes_long_gets_its_own(home: Home, pipes: _Pipes) -> None:
    _orders(home, 2)
    first, second = pipes.started(home.unserved(0))
    home.add(b"late", 1_000)
    assert home.unserved(1_000) == []
    home.note_long(first)
    home.note_long(first)
    assert pipes.started(home.unserved(1_001))[0].number == b"late"
    home.add(b"later", 1_002)
    home.note_free(first, 1_003)
    home.note_long(second)
    home.serve()
    assert home.unserved(1_004) == []
    assert not home.waits()


def test_nobody_waits_for_ever_behind_those_of_whom_nothing_is_known(
    home: Home, pipes: _Pipes
) -> None:
    _orders(home, 2)
    pipes.started(home.unserved(0))
    _orders(home, 5, 1_000)
    assert home.patience_ms(1_000) == LONGEST_MS
    assert home.unserved(1_000 + LONGEST_MS - 1) == []
    assert home.unserved(1_000 + LONGEST_MS) == [b"0", b"1"]
    assert home.patience_ms(1_000 + LONGEST_MS) == LONGEST_MS


def test_one_that_is_let_go_at_a_long_call_is_not_counted_on(home: Home, pipes: _Pipes) -> None:
    _orders(home, 2)
    first, _ = pipes.started(home.unserved(0))
    home.note_long(first)
    first.let_go()
    _orders(home, 5)
    assert home.unserved(0) == [b"0"]


def test_an_order_that_a_dead_one_cannot_take_goes_to_the_next(home: Home, pipes: _Pipes) -> None:
    for one in pipes.started([b"", b""]):
        home.note_free(one, 0)
    pipes.is_dead(1)
    home.add(b"order", 0)
    home.serve()
    assert pipes.heard(0) == b"order"


def test_what_a_dead_runner_ordered_is_forgotten(home: Home) -> None:
    _orders(home, 3)
    home.forget_waiting()
    assert home.unserved(LONGEST_MS) == []


@pytest.fixture
def backend(tmp_path: Path) -> Iterator[PythonBackend]:
    (tmp_path / "plan").mkdir()
    (tmp_path / "plan" / "functions.py").write_text(_FUNCTIONS)
    runs = LocalRuns(tmp_path, "runner-1")
    yield PythonBackend(around(runs, {"PATH": os.environ["PATH"], "LANG": "C.UTF-8"}))
    (tmp_path / "go").touch()
    runs.close()


def _long(tmp_path: Path, number: int) -> Request:
    payload = {"call": "functions:began", "item": str(tmp_path)}
    return request(tmp_path, f"long-{number}", payload, plan_folder=str(tmp_path / "plan"))


def _began(tmp_path: Path) -> list[str]:
    path = tmp_path / "began"
    return path.read_text().split() if path.exists() else []


def test_more_long_calls_than_processors_are_under_way_at_once(
    backend: PythonBackend, tmp_path: Path
) -> None:
    wanted = [_long(tmp_path, number) for number in range(_LONG)]
    with ThreadPoolExecutor(16) as pool:
        handles = list(pool.map(lambda one: handle_of(backend, one), wanted))
    until(lambda: len(_began(tmp_path)) == _LONG)
    assert all(isinstance(backend.poll(handle), Alive) for handle in handles)
    (tmp_path / "go").touch()
    assert all(outcome_of(backend, one).failure is None for one in wanted)


def test_orders_that_die_with_the_nursery_are_given_again_and_none_is_called_twice(
    backend: PythonBackend, tmp_path: Path
) -> None:
    """The nursery is stopped and has not taken them up, or has and lets them wait: all the same."""
    handle_of(backend, _long(tmp_path, 0))
    until(lambda: len(_began(tmp_path)) == 1)
    nursery = parent_of(int(_began(tmp_path)[0]))
    assert nursery
    os.kill(nursery, signal.SIGSTOP)
    asking = [
        threading.Thread(target=handle_of, args=(backend, _long(tmp_path, number)))
        for number in range(1, 4)
    ]
    for one in asking:
        one.start()
    time.sleep(0.05)  # Most have been asked by then; who comes later finds the next nursery.
    os.kill(nursery, signal.SIGKILL)
    for one in asking:
        one.join()
    until(lambda: len(_began(tmp_path)) == 4)
    (tmp_path / "go").touch()
    assert all(outcome_of(backend, _long(tmp_path, number)).failure is None for number in range(4))
    assert len(_began(tmp_path)) == 4
