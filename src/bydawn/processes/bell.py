"""Hearing of signals inside a poll: children that ended, requests to stop.

The handlers do nothing; the kernel's note of the signal in a pipe wakes the poll, so no signal is
lost between a test and a wait.
"""

from __future__ import annotations

import os
import select
import signal
from types import FrameType

# USR1 says "read your stop file"; TERM is the machine going down.
STOP = signal.SIGUSR1
_HEARD = (signal.SIGCHLD, STOP, signal.SIGTERM)
_PASSED_OVER = (signal.SIGINT, signal.SIGHUP, signal.SIGPIPE, signal.SIGXFSZ)


def take_over_signals() -> None:
    """Set handlers once, before any fork; the forked inherit them.

    Nothing is ignored or blocked, whatever the runner was started with: an ignored signal would be
    passed on to every program, a handler ends with exec.
    """
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    for signum in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}:
        if signal.getsignal(signum) is signal.SIG_IGN:
            signal.signal(signum, signal.SIG_DFL)
    for signum in (*_HEARD, *_PASSED_OVER):
        signal.signal(signum, _hear)
        signal.siginterrupt(signum, False)


def _hear(signum: int, frame: FrameType | None) -> None:
    """Only there so that the wake-up pipe is written."""


class Bell:
    """One process's poll over its pipes and its signals."""

    def __init__(self) -> None:
        self._pipe, self._ringer = os.pipe()
        os.set_blocking(self._pipe, False)
        os.set_blocking(self._ringer, False)
        signal.set_wakeup_fd(self._ringer, warn_on_full_buffer=False)
        self._poll = select.poll()
        self._poll.register(self._pipe, select.POLLIN)
        self.terminated = False

    def hear(self, descriptor: int) -> None:
        self._poll.register(descriptor, select.POLLIN)

    def ignore(self, descriptor: int) -> None:
        self._poll.unregister(descriptor)

    def wait(self, timeout_ms: int | None) -> set[int]:
        """The descriptors that have something to read (or were closed), after at most that time."""
        ready = {descriptor for descriptor, _ in self._poll.poll(timeout_ms)}
        if self._pipe in ready:
            ready.discard(self._pipe)
            self._empty()
        return ready

    def _empty(self) -> None:
        try:
            while notes := os.read(self._pipe, 4096):
                self.terminated = self.terminated or signal.SIGTERM in notes
        except BlockingIOError:
            return
