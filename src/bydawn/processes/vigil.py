"""Watching over one run from its start to the proven end of its tree."""

from __future__ import annotations

from bydawn.processes import machine
from bydawn.processes.bell import Bell
from bydawn.processes.folder import RunFolder
from bydawn.processes.output import OutputLog
from bydawn.processes.tree import Tree

# After a sleep of the machine the limit is noticed within this time.
_LONGEST_WAIT_MS = 15_000
# What a main process leaves behind when it ends by itself gets at most this long.
_LEFTOVER_GRACE_MS = 2_000


class Vigil:
    """The limits of one run. ``stopped`` says why we ended it, if we did."""

    def __init__(
        self, bell: Bell, folder: RunFolder, tree: Tree, log: OutputLog, pipe: int
    ) -> None:
        self.bell = bell
        self.folder = folder
        self.tree = tree
        self.log = log
        self._pipes: dict[int, OutputLog] = {}
        self._logs: list[OutputLog] = []
        self._ends_at = 0
        self._grace_ms = 0
        self.stopped: str | None = None
        self.hear(pipe, log)

    def hear(self, pipe: int, log: OutputLog) -> None:
        """Take what comes through this pipe into that log, as long as somebody can write."""
        self._pipes[pipe] = log
        self._logs.insert(0, log)
        self.bell.hear(pipe)

    def limit(self, timeout_ms: int, grace_ms: int) -> None:
        """The wall-clock cap of the run begins to count."""
        self._ends_at = machine.sleepless_ms() + timeout_ms
        self._grace_ms = grace_ms

    def turn(self, longest_ms: int = _LONGEST_WAIT_MS) -> set[int]:
        """Wait for anything to happen and take the output; the other descriptors that are ready."""
        left = self._ends_at - machine.sleepless_ms()
        ready = self.bell.wait(max(0, min(left, longest_ms)))
        self._take_output(ready)
        return ready

    def must_stop(self) -> bool:
        """Whether a limit or a request ends this run now."""
        self.stopped = self.stopped or self._reason_to_stop()
        return self.stopped is not None

    def end_tree(self) -> None:
        """Bring the whole tree to its end; returns only when it is proved gone."""
        grace = self._grace_ms if self.stopped else min(self._grace_ms, _LEFTOVER_GRACE_MS)
        if not self._warn_until(machine.sleepless_ms() + grace):
            self._kill_until_gone()

    def drain(self) -> None:
        """Take what the run still has in its pipes (a megabyte each at most); nobody is waited
        for."""
        self._take_output(set(self._pipes))

    def close(self) -> None:
        """Finish the log; whoever may still hold the pipe is not heard any more."""
        self.drain()
        for pipe in self._pipes:
            self.bell.ignore(pipe)
        for log in self._logs:
            log.close()

    def _reason_to_stop(self) -> str | None:
        if machine.sleepless_ms() >= self._ends_at:
            return "timeout"
        asked = self.folder.stop_reason()
        return asked or ("interrupted" if self.bell.terminated else None)

    def _warn_until(self, moment: int) -> bool:
        while not self.tree.reap():
            left = moment - machine.sleepless_ms()
            if left <= 0:
                return False
            self.tree.warn()
            self._take_output(self.bell.wait(min(left, 100)))
        return True

    def _kill_until_gone(self) -> None:
        pause = 1
        while not self.tree.reap():
            self.tree.kill()
            self._take_output(self.bell.wait(pause))
            # What cannot be killed (another user's, stuck in a call) is waited for, not spun on.
            pause = min(pause * 2, 1_000)

    def _take_output(self, ready: set[int]) -> None:
        for pipe in ready & self._pipes.keys():
            ready.discard(pipe)
            if not self._pipes[pipe].drain(pipe):
                self.bell.ignore(pipe)
                del self._pipes[pipe]
