"""The runner's end of the nursery: orders go in, each is answered by the supervisor it went to."""

from __future__ import annotations

import contextlib
import fcntl
import itertools
import os
import select
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass

from bydawn.processes.records import DIED

# A bare interpreter that sees our modules without loading the public package around them.
_BOOT = """
import sys, types
package = types.ModuleType("bydawn")
package.__path__ = [sys.argv[1]]
sys.modules["bydawn"] = package
from bydawn.processes.nursery import main
main()
"""
_PACKAGE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
_ROOM = 1 << 20
# More would be asked of the kernel each time, and given back.
_READ_AT_ONCE = 1 << 16
# Where nothing else tells of the death of a process.
_LOOK_EVERY_MS = 1_000


class NoNursery(Exception):
    """It cannot be started, or dies before it answers; ``str`` says how."""


Said = str | NoNursery | None
"""What was said to an order: its answer, why nobody takes any, or None when it is not known what
became of it."""


class _Nursery:
    """The process, as it is seen from here; ``is_over`` when its death has been seen."""

    def __init__(self) -> None:
        self.process = _started()
        self.is_over = False
        assert self.process.stdin
        assert self.process.stdout
        self._orders, self._answers = self.process.stdin, self.process.stdout
        self._guard = threading.Lock()
        self._unsent = b""
        self._half = b""
        _widen(self._orders.fileno())
        _widen(self._answers.fileno())
        os.set_blocking(self._orders.fileno(), False)
        self._death = _descriptor_of(self.process.pid)
        self._poll = select.poll()
        self._poll.register(self._answers, select.POLLIN)
        if self._death is not None:
            self._poll.register(self._death, select.POLLIN)

    def send(self, line: bytes) -> None:
        """Without waiting: what the pipe has no room for follows by itself."""
        with self._guard:
            is_first = not self._unsent
            self._unsent += line
            if is_first and not self._feed():
                threading.Thread(target=self._feed_on, name="bydawn-orders", daemon=True).start()

    def _feed(self) -> bool:
        """Send what the pipe takes now; False when more is left."""
        try:
            while self._unsent:
                self._unsent = self._unsent[os.write(self._orders.fileno(), self._unsent) :]
        except BlockingIOError:
            return False
        return True

    def _feed_on(self) -> None:
        room = select.poll()
        room.register(self._orders, select.POLLOUT)
        is_fed = False
        while not is_fed:
            room.poll()
            with self._guard:
                try:
                    is_fed = self._feed()
                except BrokenPipeError:
                    return  # whoever listens sees its death

    def answers(self) -> list[str] | None:
        """Wait for what is said next; nothing, when it has died and all it said was read, and None
        when nobody can say any more."""
        while not (self.is_over or self._has_said()):
            if self.process.poll() is not None:
                self.is_over = True
                return []
        data = os.read(self._answers.fileno(), _READ_AT_ONCE)
        *lines, self._half = (self._half + data).split(b"\n")
        return [line.decode() for line in lines] if data else None

    def _has_said(self) -> bool:
        ready = self._poll.poll(_LOOK_EVERY_MS if self._death is None else None)
        return any(found == self._answers.fileno() for found, _ in ready)

    def dismiss(self) -> None:
        """No more orders, not even those that have not left yet."""
        with self._guard:
            self._unsent = b""
            self._orders.close()

    def close(self) -> None:
        self._answers.close()
        if self._death is not None:
            os.close(self._death)
        self.process.wait()
        self.is_over = True


@dataclass(slots=True, eq=False)
class _Asked:
    """One order until it is answered; ``nursery`` is the one it was last sent to."""

    home: str
    body: str
    tell: Callable[[Said], None]
    is_again: bool = False
    nursery: _Nursery | None = None


class Link:
    """Starts the nursery when it is first needed, and again should it die."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._numbers = itertools.count(1)
        self._waiting: dict[int, _Asked] = {}
        self._nursery: _Nursery | None = None

    def ask(self, home: str, body: str, tell: Callable[[Said], None]) -> None:
        """Send one order; ``tell`` is told once what was said to it, from this thread or another.

        An order lost with a dying nursery or supervisor is sent again: its claim keeps it from
        starting twice. Where another nursery dies over it, too, this machine has no room for one.
        """
        self._post(_Asked(home, body, tell))

    def close(self) -> None:
        """Let the nursery go; it stays for as long as runs need it. Nobody waits any more."""
        with self._guard:
            nursery, self._nursery = self._nursery, None
            waiting, self._waiting = self._waiting, {}
        if nursery:
            nursery.dismiss()
        for asked in waiting.values():
            asked.tell(None)

    def _post(self, asked: _Asked) -> None:
        number = next(self._numbers)
        line = f"{number} {asked.home} {asked.body}\n".encode()
        try:
            nursery = self._send(number, asked, line)
        except NoNursery as failure:
            asked.tell(failure)
        else:
            if nursery.is_over:
                self._lose_all(nursery)

    def _send(self, number: int, asked: _Asked, line: bytes) -> _Nursery:
        with self._guard:
            asked.nursery = nursery = self._living()
            self._waiting[number] = asked
            try:
                nursery.send(line)
            except BrokenPipeError:
                nursery.is_over = True
            return nursery

    def _answer(self, number: int, said: str) -> None:
        if said == DIED:
            self._lose(number)
        elif asked := self._waiting.pop(number, None):
            asked.tell(said)

    def _lose(self, number: int) -> None:
        """It is not known what became of an order."""
        asked = self._waiting.pop(number, None)
        if asked is None:
            return
        if asked.is_again:
            asked.tell(self._no_room())
        else:
            asked.is_again = True
            self._post(asked)

    def _no_room(self) -> NoNursery | None:
        code = self._nursery.process.poll() if self._nursery else None
        if not code:
            return None
        return NoNursery(f"the parent of the supervisors ended at once (exit code {code})")

    def _living(self) -> _Nursery:
        nursery = self._nursery
        if nursery is None or nursery.is_over:
            if nursery:
                nursery.dismiss()
            self._nursery = nursery = _Nursery()
            threading.Thread(
                target=self._listen, args=(nursery,), name="bydawn-answers", daemon=True
            ).start()
        return nursery

    def _listen(self, nursery: _Nursery) -> None:
        """Hear all there is to hear; supervisors may outlive their nursery, and tell."""
        while (said := nursery.answers()) is not None:
            for line in said:
                number, _, answer = line.partition(" ")
                self._answer(int(number), answer)
            if nursery.is_over:
                self._lose_all(nursery)
        nursery.close()
        self._lose_all(nursery)

    def _lose_all(self, nursery: _Nursery) -> None:
        """What it was told last may have died with it."""
        for number, asked in self._waiting.copy().items():
            if asked.nursery is nursery:
                self._lose(number)


def _widen(pipe: int) -> None:
    """Room for many orders, and for as many answers, where the kernel grants it."""
    with contextlib.suppress(AttributeError, OSError):
        fcntl.fcntl(pipe, fcntl.F_SETPIPE_SZ, _ROOM)


def _descriptor_of(pid: int) -> int | None:
    """What can be read from when the process has ended; None where there is no such thing."""
    try:
        return os.pidfd_open(pid)
    except (AttributeError, OSError):
        return None


def _started() -> subprocess.Popen[bytes]:
    try:
        return _start_nursery()
    except OSError as problem:
        raise NoNursery(f"no parent of supervisors: {problem.strerror}") from problem


def _start_nursery() -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-I", "-S", "-c", _BOOT, _PACKAGE],
        bufsize=0,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        env={"PATH": os.defpath, "LANG": "C.UTF-8"},
    )
