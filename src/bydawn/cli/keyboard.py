"""Single keys from a terminal, heard by a thread; the terminal is given back whatever happens."""

from __future__ import annotations

import atexit
import contextlib
import os
import select
import signal
import sys
import termios
import threading
import tty
from collections import deque
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Any

_ARROWS = {b"\x1b[A": "up", b"\x1b[B": "down", b"\x1bOA": "up", b"\x1bOB": "down"}
_LETTERS = {b"k": "up", b"j": "down", b"\x1b": "escape"}
_AT_ONCE = 64
_BACKGROUND_LOOK_S = 0.5


class Keyboard:
    """Hears keys while it is open. Where standard input is no terminal of ours it hears none."""

    def __init__(self, wake: Callable[[], None]) -> None:
        self._wake = wake
        self._heard: deque[str] = deque()
        self._before: list[Any] | None = None
        self._stop: tuple[int, int] | None = None
        self._thread: threading.Thread | None = None
        self._on_suspend: Any = None

    @property
    def is_open(self) -> bool:
        return self._before is not None

    def open(self) -> bool:
        """Begin to hear; False where nobody can type."""
        if not _is_ours():
            return False
        self._before = termios.tcgetattr(sys.stdin)
        tty.setcbreak(sys.stdin, termios.TCSADRAIN)
        atexit.register(self.close)
        self._stop = os.pipe()
        self._thread = threading.Thread(target=self._listen, name="keyboard", daemon=True)
        self._thread.start()
        if threading.current_thread() is threading.main_thread():
            self._on_suspend = signal.signal(signal.SIGTSTP, self._suspend)
        return True

    def pressed(self) -> Iterator[str]:
        """The keys since the last time, in order."""
        while self._heard:
            yield self._heard.popleft()

    def close(self) -> None:
        """Give the terminal back as it was."""
        if self._before is None:
            return
        self._restore()
        self._before = None
        atexit.unregister(self.close)
        if self._on_suspend is not None:
            signal.signal(signal.SIGTSTP, self._on_suspend)
        if self._stop is not None and self._thread is not None:
            os.write(self._stop[1], b".")
            self._thread.join(timeout=2)
            for descriptor in self._stop:
                os.close(descriptor)

    def _restore(self) -> None:
        with contextlib.suppress(termios.error, OSError, ValueError):
            termios.tcsetattr(sys.stdin, termios.TCSADRAIN, self._before or [])

    def _suspend(self, number: int, frame: FrameType | None) -> None:
        """Ctrl-Z: the shell gets its terminal as it was, and we ours when we are back."""
        del number, frame
        self._restore()
        # As if nobody had asked: where no shell looks after us the system then ignores it.
        signal.signal(signal.SIGTSTP, signal.SIG_DFL)
        signal.raise_signal(signal.SIGTSTP)
        signal.signal(signal.SIGTSTP, self._suspend)
        if _is_ours():
            tty.setcbreak(sys.stdin, termios.TCSADRAIN)
        self._wake()

    def _listen(self) -> None:
        assert self._stop is not None
        source = sys.stdin.fileno()
        while True:
            ready, _, _ = select.select([source, self._stop[0]], [], [])
            if self._stop[0] in ready:
                return
            # Reading a terminal from the background would stop the whole process.
            if not _is_ours():
                select.select([self._stop[0]], [], [], _BACKGROUND_LOOK_S)
                continue
            typed = os.read(source, _AT_ONCE)
            if not typed:
                return
            self._heard.extend(names_of(typed))
            self._wake()


def names_of(typed: bytes) -> list[str]:
    """Keys by name; what has none and is no plain letter is left out."""
    if typed in _ARROWS:
        return [_ARROWS[typed]]
    if typed.startswith(b"\x1b"):
        return ["escape"] if typed == b"\x1b" else []
    letters = (bytes([letter]) for letter in typed)
    return [_LETTERS.get(each, each.decode("ascii", "replace")) for each in letters]


def _is_ours() -> bool:
    """Whether standard input is a terminal, and we are in its foreground."""
    try:
        return sys.stdin.isatty() and os.tcgetpgrp(sys.stdin.fileno()) == os.getpgrp()
    except (OSError, ValueError):
        return False
