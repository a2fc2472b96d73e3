"""Being told at once that a run ended, also when an earlier, dead runner had started it.

Every runner owns one named pipe under ``<state folder>/wake``; a supervisor that has written down
an end tells all of them. A lost message costs nothing but time: runners also look by themselves.
"""

from __future__ import annotations

import contextlib
import errno
import os
import threading
from collections.abc import Callable

from bydawn.processes.folder import make_private


def announce(wake_folder: str, message: str) -> None:
    """Tell every living runner; the pipe of a dead one is taken away."""
    try:
        names = os.listdir(wake_folder)
    except OSError:
        return
    line = (message + "\n").encode(errors="surrogateescape")
    for name in names:
        _tell(os.path.join(wake_folder, name), line)


def _tell(path: str, line: bytes) -> None:
    try:
        pipe = os.open(path, os.O_WRONLY | os.O_NONBLOCK)
    except OSError as problem:
        if problem.errno == errno.ENXIO:
            _forget(path)
        return
    try:
        os.write(pipe, line)
    except OSError:
        pass  # Full or just closed: that runner looks by itself.
    finally:
        os.close(pipe)


def _forget(path: str) -> None:
    with contextlib.suppress(OSError):
        os.unlink(path)


class Listener:
    """The reading end of one runner's wake pipe, with a thread that calls back for each message."""

    def __init__(self, wake_folder: str, name: str, callback: Callable[[str], None]) -> None:
        make_private(wake_folder)
        self._path = os.path.join(wake_folder, name)
        self._callback = callback
        _forget(self._path)
        private = f"{wake_folder}/../wake.{name}.{os.getpid()}"
        os.mkfifo(private, 0o600)
        self._reader = os.open(private, os.O_RDONLY | os.O_NONBLOCK)
        # With a writer of our own the pipe never reads as closed, and closing it ends the thread.
        self._writer = os.open(private, os.O_WRONLY)
        os.set_blocking(self._reader, True)
        os.rename(private, self._path)
        self._thread = threading.Thread(target=self._listen, name="bydawn-wake", daemon=True)
        self._thread.start()

    def close(self) -> None:
        _forget(self._path)
        try:
            os.write(self._writer, b"\0\n")
        finally:
            os.close(self._writer)
        self._thread.join()
        os.close(self._reader)

    def _listen(self) -> None:
        rest = b""
        while data := os.read(self._reader, 65536):
            *lines, rest = (rest + data).split(b"\n")
            for line in lines:
                if line == b"\0":
                    return
                self._callback(line.decode(errors="surrogateescape"))
