"""A small process that forks supervisors cheaply and is there when one of them dies.

Forking this little interpreter costs a fraction of starting one. It keeps supervisors that are free
for the next order, adopts and kills what a killed supervisor leaves behind, and stays, after its
runner is gone, until the last run below it has ended.
"""

from __future__ import annotations

import os
import select
import signal
import warnings  # noqa: F401  (os.get_exec_path would otherwise load it after each fork)

from bydawn.processes import machine
from bydawn.processes.bell import Bell, take_over_signals
from bydawn.processes.homes import Home, Supervised
from bydawn.processes.records import COMMANDS, LONG, parse_order, tell_of_death
from bydawn.processes.spawn import DescriptorLimit, SpawnFailed
from bydawn.processes.supervisor import Supervisor

_ORDERS_IN = 0
# Fixed places, so that a fork can close everything above them in one call.
_FREE = 3
_OWN_ORDERS = 4
_FIRST_OTHER = 5
# Longer orders than an empty pipe surely takes go into a fork instead.
_PIPE_ROOM = 30_000
_IDLE_MS = 20_000
_ORPHANS_MS = 50
# A command's supervisor is there at once; one for calls has to start an interpreter. Three in four
# wait for the disk to know of a claim.
_AT_ONCE = 1 << 30
_FEW = 4 * (os.cpu_count() or 1)


class Nursery:
    """Hands every order to a supervisor of the same home: a free one or, without much ado, a new
    one."""

    def __init__(self, limit: DescriptorLimit) -> None:
        self._limit = limit
        free, teller = os.pipe()
        self._freed = os.dup(free) if free <= _OWN_ORDERS else free
        os.dup2(teller, _FREE, inheritable=False)
        os.dup2(os.open(os.devnull, os.O_RDONLY), _OWN_ORDERS, inheritable=False)
        self._bell = Bell()
        self._supervised: dict[int, Supervised] = {}
        self._homes: dict[bytes, Home] = {}
        self._release_at = 0
        self._half = b""
        self._open = True
        self._orphaned = False
        for descriptor in (_ORDERS_IN, self._freed):
            os.set_blocking(descriptor, False)
            self._bell.hear(descriptor)

    def run(self) -> None:
        """Serve until the runner is gone and every run has ended."""
        while self._open or self._supervised or self._orphaned:
            ready = self._bell.wait(self._patience_ms())
            self._bury()
            if self._freed in ready:
                self._note_free()
            if _ORDERS_IN in ready:
                self._take_orders()
            self._serve()
            self._release_idle()

    def _patience_ms(self) -> int | None:
        least = _ORPHANS_MS if self._orphaned else _IDLE_MS if self._supervised else None
        now = machine.sleepless_ms()
        for home in self._homes.values():
            length = home.patience_ms(now)
            if length is not None:
                least = length if least is None else min(least, length)
        return least

    def _take_orders(self) -> None:
        try:
            data = os.read(_ORDERS_IN, 1 << 16)
        except BlockingIOError:
            return
        if not data:
            self._open = False
            self._bell.ignore(_ORDERS_IN)
        *lines, self._half = (self._half + data).split(b"\n")
        if _is_hung_up(_ORDERS_IN):
            self._forget_waiting()
        else:
            for line in lines:
                self._receive(line + b"\n")

    def _receive(self, line: bytes) -> None:
        name = line.split(b" ", 2)[1]
        home = self._homes.get(name)
        if home is None:
            home = self._homes[name] = Home(_AT_ONCE if name == COMMANDS else _FEW)
        if len(line) > _PIPE_ROOM:
            self._fork(home, line)
        else:
            home.add(line, machine.sleepless_ms())

    def _serve(self) -> None:
        for home in self._homes.values():
            if not home.waits():
                continue
            home.serve()
            for line in home.unserved(machine.sleepless_ms()):
                self._fork(home, line)

    def _forget_waiting(self) -> None:
        """What a dead runner ordered is not started late."""
        for home in self._homes.values():
            home.forget_waiting()

    def _fork(self, home: Home, line: bytes) -> None:
        try:
            theirs, orders = os.pipe()
            pid = os.fork()
        except OSError as problem:
            failure = SpawnFailed.of(problem, "a supervisor")
            parse_order(line)[0].refused(failure.kind, "spawn", failure.message)
            return
        if pid == 0:
            _become_supervisor(theirs, line, self._limit)
        os.close(theirs)
        self._supervised[pid] = Supervised(home, orders, line)

    def _note_free(self) -> None:
        now = machine.sleepless_ms()
        for told in os.read(self._freed, 1 << 16).split():
            supervised = self._supervised.get(int(told.lstrip(LONG)))
            if supervised and told.startswith(LONG):
                supervised.home.note_long(supervised)
            elif supervised:
                supervised.home.note_free(supervised, now)

    def _release_idle(self) -> None:
        """Let the supervisors go that have nothing to do and nothing to expect."""
        now = machine.sleepless_ms()
        if self._open and now < self._release_at:
            return
        self._release_at = now + _IDLE_MS // 2
        for supervised in self._supervised.values():
            since = supervised.free_since
            if since is not None and not (self._open and since > now - _IDLE_MS):
                supervised.let_go()
        for home in self._homes.values():
            home.forget_gone()

    def _bury(self) -> None:
        try:
            while (found := os.waitpid(-1, os.WNOHANG))[0]:
                supervised = self._supervised.pop(found[0], None)
                if supervised:
                    supervised.let_go()
                    if found[1] != 0:
                        self._orphaned = True
                        tell_of_death(supervised.number)
        except ChildProcessError:
            self._orphaned = False
        if self._orphaned:
            self._kill_orphans()

    def _kill_orphans(self) -> None:
        """KILL what a dead supervisor left; the orphans this makes follow in the next round."""
        orphans = [p for p in machine.children(os.getpid()) if p not in self._supervised]
        self._orphaned = bool(orphans)
        for pid in orphans:
            try:
                os.kill(pid, signal.SIGKILL)
            except OSError:
                continue  # Another user's: nothing we may end.


def _is_hung_up(descriptor: int) -> bool:
    """Whether nobody holds the other end: what a dead runner ordered last is not started late."""
    poll = select.poll()
    poll.register(descriptor, 0)
    return any(events & select.POLLHUP for _, events in poll.poll(0))


def _become_supervisor(orders: int, line: bytes, limit: DescriptorLimit) -> None:
    status = 1
    try:
        os.dup2(orders, _OWN_ORDERS, inheritable=False)
        os.closerange(_FIRST_OTHER, 65_536)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        limit.restore()
        Supervisor(_OWN_ORDERS, _FREE).serve(line)
        status = 0
    finally:
        os._exit(status)


def main() -> None:
    """Be the nursery; orders come on stdin, answers go to stdout."""
    import gc

    take_over_signals()
    os.set_blocking(1, False)
    os.chdir("/")
    limit = DescriptorLimit()
    limit.raise_it()
    machine.prepare()
    machine.adopt_orphans()
    nursery = Nursery(limit)
    # Collected objects would be written to, and so copied, in every fork.
    gc.collect()
    gc.freeze()
    nursery.run()
