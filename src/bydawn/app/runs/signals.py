"""The first signal lets go, the second leaves at once."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
from collections.abc import Callable, Iterator
from types import FrameType

from bydawn.runner.stopping import Interrupt

_HEARD = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@contextlib.contextmanager
def listening(interrupt: Interrupt, wake: Callable[[], None]) -> Iterator[None]:
    """Turn signals into an Interrupt while the body runs; elsewhere than in the main thread,
    don't."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def heard(number: int, _: FrameType | None) -> None:
        if interrupt.signal is not None:
            os._exit(128 + number)
        interrupt.signal = number
        wake()

    with hearing(heard):
        yield


@contextlib.contextmanager
def hearing(hear: Callable[[int, FrameType | None], None]) -> Iterator[None]:
    """Have the signals that ask to end go there while the body runs."""
    before = {number: signal.signal(number, hear) for number in _HEARD}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
