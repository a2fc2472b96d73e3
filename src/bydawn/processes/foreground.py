"""One command in the foreground, with this process's own streams, and the end of its whole tree.

This process adopts what the command leaves behind, so there can be only one at a time. Should this
process be killed, the kernel kills the command too (on Linux); what that has started lives on.
"""

from __future__ import annotations

import os
import pickle
import select
import signal
import sys
import time
from collections.abc import Mapping, Sequence

from bydawn.processes import machine
from bydawn.processes.tree import Tree

_TICK_S = 0.02
_IGNORED_BY_PYTHON = (signal.SIGPIPE, getattr(signal, "SIGXFSZ", signal.SIGPIPE))


class Foreground:
    """A started command. Raises OSError where it cannot be started."""

    def __init__(self, argv: Sequence[str], environment: Mapping[str, str]) -> None:
        machine.prepare()
        machine.adopt_orphans()
        self._tree = Tree(_started(argv, dict(environment)))
        self._gone = False
        self._hurried = False

    @property
    def code(self) -> int | None:
        """The command's exit code (128 + n for a signal); None while it runs."""
        end = self._tree.main_end
        if end is None:
            return None
        code = os.waitstatus_to_exitcode(end)
        return code if code >= 0 else 128 - code

    @property
    def is_gone(self) -> bool:
        """Whether nothing of it is left, as the kernel says."""
        return self._gone

    def wait(self, seconds: float) -> None:
        """Until the command ends, at most so long."""
        self._reap()
        if self.code is None:
            _until_readable(self._tree.main, seconds)
            self._reap()

    def end(self, grace_s: float) -> None:
        """TERM to the whole tree, after the grace KILL to the rest; returns when all is gone."""
        kill_at = time.monotonic() + grace_s
        while not (self._gone or self._hurried) and time.monotonic() < kill_at:
            self._tree.warn()
            self._pause()
        while not self._gone:
            self._tree.kill()
            self._pause()

    def hurry(self) -> None:
        """No more grace."""
        self._hurried = True

    def _pause(self) -> None:
        self._reap()
        if not self._gone:
            time.sleep(_TICK_S / 4)
            self._reap()

    def _reap(self) -> None:
        self._gone = self._gone or self._tree.reap()


def _until_readable(pid: int, seconds: float) -> None:
    try:
        handle = os.pidfd_open(pid)
    except (AttributeError, OSError):
        time.sleep(min(seconds, _TICK_S))
        return
    try:
        poll = select.poll()
        poll.register(handle, select.POLLIN)
        poll.poll(seconds * 1000)
    finally:
        os.close(handle)


def _started(argv: Sequence[str], environment: dict[str, str]) -> int:
    """Fork and exec; what went wrong in the child is raised here."""
    reading, writing = os.pipe()
    sys.stdout.flush()
    sys.stderr.flush()
    pid = os.fork()
    if pid == 0:
        _become(argv, environment, writing)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        told = pipe.read()
    if told:
        os.waitpid(pid, 0)
        number, text, name = pickle.loads(told)
        raise OSError(number, text, name)
    return pid


def _become(argv: Sequence[str], environment: dict[str, str], writing: int) -> None:
    try:
        machine.die_with_parent()
        for number in (*_IGNORED_BY_PYTHON, signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_DFL)
        os.execvpe(argv[0], list(argv), environment)
    except OSError as error:
        os.write(writing, pickle.dumps((error.errno, error.strerror, argv[0])))
    finally:
        os._exit(127)
