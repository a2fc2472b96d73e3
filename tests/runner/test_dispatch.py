"""Calls in threads: what is news is heard at once, what is none does not wake the loop for each."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import pytest

from bydawn.core.sightings import Alive, CancelAnswer
from bydawn.runner import dispatch
from bydawn.runner.dispatch import Threads


def waited(threads: Threads, timeout_ms: int = 5_000) -> float:
    began = time.monotonic()
    threads.wait(timeout_ms)
    return time.monotonic() - began


class OnceWaited(threading.Event):
    """Does something at the moment when the loop begins to wait."""

    def __init__(self, act: Callable[[], None]) -> None:
        super().__init__()
        self._act = act

    def wait(self, timeout: float | None = None) -> bool:
        self._act()
        return super().wait(timeout)


def test_runs_that_go_on_are_heard_of_together(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dispatch, "_UNHEARD_MS", 5_000)
    threads, first, second = Threads(), threading.Event(), threading.Event()

    def end_both() -> None:
        first.set()
        threading.Timer(0.1, second.set).start()

    monkeypatch.setattr(threads, "_rung", OnceWaited(end_both))
    for number, gate in enumerate((first, second)):
        threads.send((number, 1), lambda gate=gate: Alive(raw=str(gate.wait(5))), prompt=False)
    assert waited(threads) < 3
    assert [ticket for ticket, _ in threads.drain()] == [(0, 1), (1, 1)]
    assert threads.outstanding() == 0
    threads.close()


def test_what_is_news_is_heard_while_others_are_out() -> None:
    threads, gate, hung = Threads(), threading.Event(), threading.Event()
    threads.send((1, 1), lambda: Alive(raw=str(hung.wait(5))), prompt=False)
    threads.send((2, 1), lambda: CancelAnswer(gate.wait(5)), prompt=False)
    threading.Timer(0.02, gate.set).start()
    waited(threads)
    assert [ticket for ticket, _ in threads.drain()] == [(2, 1)]
    hung.set()
    threads.close()


def test_a_call_that_hangs_keeps_nothing_from_the_loop_for_long() -> None:
    threads, gate, hung = Threads(), threading.Event(), threading.Event()
    threads.send((1, 1), lambda: Alive(raw=str(hung.wait(5))), prompt=False)
    threads.send((2, 1), lambda: Alive(raw=str(gate.wait(5))), prompt=False)
    threading.Timer(0.02, gate.set).start()
    assert waited(threads, 60_000) < 3
    assert [ticket for ticket, _ in threads.drain()] == [(2, 1)]
    hung.set()
    threads.close()
