"""The whole tree below this process, and its end.

This process adopts orphans, so every descendant, however it detached itself, has a direct child of
ours at the head of its line. "No child left to wait for" is therefore the kernel's own proof that
the tree is gone, and it is the only thing taken as proof.
"""

from __future__ import annotations

import os
import signal

from bydawn.processes import machine


class Tree:
    """Everything below this process; ``main`` is the child whose exit counts."""

    def __init__(self, main: int) -> None:
        self.main = main
        self.main_end: int | None = None
        self._warned: set[tuple[int, int | None]] = set()

    def reap(self) -> bool:
        """Bury the dead; True when nothing is left below us."""
        while True:
            try:
                pid, end = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return True
            if pid == 0:
                return False
            if pid == self.main:
                self.main_end = end

    def warn(self) -> None:
        """TERM to every member that has not had it yet, and CONT so that a stopped one can act."""
        family = self._family()
        for pid in family[1:]:
            name = (pid, machine.start_ticks(pid))
            if name not in self._warned:
                self._warned.add(name)
                self._send(pid, signal.SIGTERM, set(family))
                self._send(pid, signal.SIGCONT, set(family))

    def kill(self) -> None:
        """KILL to every member and, at one stroke, to the groups of our own children.

        A group is killed in one step no fork can slip through; a line that forks on in groups of
        its own is caught by calling this until ``reap`` says that nothing is left.
        """
        own_group = os.getpgrp()
        for pid in machine.children(os.getpid()):
            _kill_group_of(pid, own_group)
        family = self._family()
        for pid in family[1:]:
            self._send(pid, signal.SIGKILL, set(family))

    def others(self) -> bool:
        """Whether anything but the main child lives below us."""
        return any(
            pid != self.main and not machine.is_zombie(pid)
            for pid in machine.descendants(os.getpid())
        )

    def _family(self) -> list[int]:
        return [os.getpid(), *machine.descendants(os.getpid())]

    def _send(self, pid: int, signum: int, family: set[int]) -> None:
        machine.signal_below(pid, signum, family)


def _kill_group_of(child: int, own_group: int) -> None:
    # A child of ours that is not yet reaped keeps its pid and its group from being reused.
    try:
        group = os.getpgid(child)
        if group != own_group:
            os.killpg(group, signal.SIGKILL)
    except OSError:
        return
