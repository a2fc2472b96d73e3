"""Runners that start at once: each is forked from an interpreter that has loaded the product.

A start from nothing costs a third of a second of a core in which nothing durable happens, and a
kill in it proves nothing. What is forked here is a process of its own, with its own session,
folder, environment and descriptors; it is killed, stopped and buried as any other.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import itertools
import json
import os
import pkgutil
import select
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType

_SOURCE = str(Path(__file__).parents[2] / "src")
# Other vendors' packages stand behind these; no night of ours asks for them.
_LEFT_OUT = ("bydawn.backends.managed.", "bydawn.web.", "bydawn.testing.", "bydawn.__main__")

# What another thread has heard is looked for after so long.
_AT_MOST_S = 0.2

# The control group a runner is to live in, with all that it starts.
GROUP = "READY_GROUP"


class Forked:
    """One command, as ``subprocess.Popen`` would show it."""

    def __init__(self, home: Ready, pid: int, said: Sequence[str]) -> None:
        self.pid, self.returncode = pid, -1
        self._home, self._said = home, said

    def poll(self) -> int | None:
        code = self._home.code_of(self.pid, 0)
        self.returncode = self.returncode if code is None else code
        return code

    def wait(self, timeout: float | None = None) -> int:
        code = self._home.code_of(self.pid, timeout)
        if code is None:
            raise subprocess.TimeoutExpired("bydawn", timeout or 0)
        self.returncode = code
        return code

    def communicate(self, timeout: float | None = None) -> tuple[str, str]:
        self.wait(timeout)
        out, errors = (Path(one).read_text("utf-8") for one in self._said)
        return out, errors

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            with contextlib.suppress(ProcessLookupError):  # buried, and nobody was told yet
                os.kill(self.pid, number)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)


class Ready:
    """The interpreter that is ready, as the test sees it; ``with`` lets it go."""

    def __init__(self, through: Sequence[str] = ()) -> None:
        """``through``: a program that starts it in a world of its own."""
        ours, theirs = socket.socketpair()
        self._line, self._rest = ours, b""
        self._said = tempfile.TemporaryDirectory()
        self._numbers = itertools.count()
        self._guard = threading.Lock()
        self._started: list[int] = []
        self._ended: dict[int, int] = {}
        self._process = subprocess.Popen(
            [*through, sys.executable, __file__, str(theirs.fileno())],
            pass_fds=[theirs.fileno()],
            env={**os.environ, "PYTHONPATH": _SOURCE},
        )
        theirs.close()

    def __enter__(self) -> Ready:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:  # fmt: skip
        self._line.close()
        self._process.wait()
        self._said.cleanup()

    def start(self, words: Sequence[str], folder: Path, environment: dict[str, str]) -> Forked:
        number = next(self._numbers)
        said = [f"{self._said.name}/{number}.{stream}" for stream in ("out", "errors")]
        for one in said:
            Path(one).touch()  # or there would be none after a kill that comes at once
        told = {"words": words, "folder": str(folder), "environment": environment, "said": said}
        self._line.sendall(json.dumps(told).encode() + b"\n")
        while not self._started:
            self._hear(_AT_MOST_S)
        return Forked(self, self._started.pop(), said)

    def code_of(self, pid: int, timeout: float | None) -> int | None:
        """How it ended, as far as that is known after so many seconds."""
        end = None if timeout is None else time.monotonic() + timeout
        while pid not in self._ended:
            left = _AT_MOST_S if end is None else max(0.0, end - time.monotonic())
            if not self._hear(min(left, _AT_MOST_S)) and left == 0:
                return self._ended.get(pid)
        return self._ended[pid]

    def _hear(self, timeout: float) -> bool:
        """Note what is said within that time; whether anything was. A thread that kills at its time
        may hear what another waits for."""
        if not select.select([self._line], [], [], timeout)[0]:
            return False
        with self._guard:
            try:
                data = self._line.recv(65_536, socket.MSG_DONTWAIT)
            except BlockingIOError:
                return True  # somebody else has noted it
            assert data, "the interpreter that was ready is gone"
            *lines, self._rest = (self._rest + data).split(b"\n")
            for line in lines:
                self._note(json.loads(line))
        return True

    def _note(self, heard: dict[str, int]) -> None:
        if "ended" in heard:
            self._ended[heard["ended"]] = heard["code"]
        else:
            self._ended.pop(heard["started"], None)  # of an older process with this number
            self._started.append(heard["started"])


def _load() -> None:
    """Everything a runner may load while it runs."""
    import bydawn

    for found in pkgutil.walk_packages(bydawn.__path__, "bydawn."):
        if not found.name.startswith(_LEFT_OUT):
            importlib.import_module(found.name)
    for name in ("psycopg", "http.client", "uuid", "tomllib", "strike"):
        importlib.import_module(name)


def _serve(line: socket.socket) -> int:
    """Fork what is asked for and tell of every end; the exit code of a child, in that child."""
    heard, rung = os.pipe()
    os.set_blocking(rung, False)
    signal.signal(signal.SIGCHLD, lambda _number, _frame: None)
    signal.set_wakeup_fd(rung)
    while True:
        ready = select.select([line, heard], [], [])[0]
        if heard in ready:
            os.read(heard, 4096)
            _tell_ends(line)
        if line in ready:
            data = line.recv(1 << 20)
            if not data:
                os._exit(0)
            while not data.endswith(b"\n"):
                data += line.recv(1 << 20)
            pid = os.fork()
            if pid == 0:
                for one in (heard, rung):
                    os.close(one)
                line.close()
                return _become(**json.loads(data))
            _tell(line, {"started": pid})


def _tell(line: socket.socket, fact: dict[str, int]) -> None:
    with contextlib.suppress(OSError):
        line.sendall(json.dumps(fact).encode() + b"\n")


def _tell_ends(line: socket.socket) -> None:
    with contextlib.suppress(ChildProcessError):
        while (found := os.waitpid(-1, os.WNOHANG))[0]:
            _tell(line, {"ended": found[0], "code": os.waitstatus_to_exitcode(found[1])})


def _become(words: list[str], folder: str, environment: dict[str, str], said: Sequence[str]) -> int:
    """The command in this process, as if it had been typed."""
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    os.setsid()
    for place, name in enumerate((os.devnull, *said)):
        descriptor = os.open(name, os.O_RDWR | os.O_CREAT, 0o600)
        os.dup2(descriptor, place)
        os.close(descriptor)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    group = os.environ.pop(GROUP, "")
    if group:
        Path(group, "cgroup.procs").write_text(str(os.getpid()))
    sys.argv = ["bydawn", *words]

    import hasty
    import strike

    from bydawn.cli.entry import carry_out

    hasty.hasten()
    strike.install_as_told()
    code = carry_out(sys.argv[1:], None)
    for one in threading.enumerate():
        if not one.daemon and one is not threading.current_thread():
            one.join()
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    return code


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parent))
    _load()
    gc.collect()
    gc.freeze()  # or the first collection in a child would copy all of it
    # Taking the modules down one by one would cost more than most commands.
    os._exit(_serve(socket.socket(fileno=int(sys.argv[1]))))
