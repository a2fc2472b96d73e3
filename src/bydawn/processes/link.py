"""The runner's end of the nursery: orders go in, each is answered by the supervisor it went to."""

from __future__ import annotations

import io
import itertools
import os
import subprocess
import sys
import threading
from queue import Empty, SimpleQueue

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
_PATIENCE_S = 30.0


class NoNursery(Exception):
    """It cannot be started, or dies before it answers; ``str`` says how."""


class Link:
    """Starts the nursery when it is first needed, and again should it die."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._numbers = itertools.count(1)
        self._waiting: dict[int, SimpleQueue[str]] = {}
        self._nursery: subprocess.Popen[bytes] | None = None

    def ask(self, home: str, body: str) -> str | None:
        """Send one order and wait for its answer; None when it is not known what became of it.

        An order lost with a dying nursery or supervisor is sent again: its claim keeps it from
        starting twice. Where another nursery dies over it, too, this machine has no room for one.
        """
        said = self._ask_once(home, body) or self._ask_once(home, body)
        if said is None and self._nursery and self._nursery.poll():
            code = self._nursery.returncode
            raise NoNursery(f"the parent of the supervisors ended at once (exit code {code})")
        return said

    def _ask_once(self, home: str, body: str) -> str | None:
        number = next(self._numbers)
        box: SimpleQueue[str] = SimpleQueue()
        self._waiting[number] = box
        try:
            nursery = self._send(f"{number} {home} {body}\n".encode())
            said = self._await(box, nursery)
            return None if said == DIED else said
        except BrokenPipeError:
            return None
        finally:
            del self._waiting[number]

    def close(self) -> None:
        """Let the nursery go; it stays for as long as runs need it."""
        with self._guard:
            nursery, self._nursery = self._nursery, None
        if nursery and nursery.stdin:
            nursery.stdin.close()

    def _send(self, line: bytes) -> subprocess.Popen[bytes]:
        with self._guard:
            nursery = self._living()
            assert nursery.stdin
            view = memoryview(line)
            while view:
                view = view[os.write(nursery.stdin.fileno(), view) :]
            return nursery

    def _await(self, box: SimpleQueue[str], nursery: subprocess.Popen[bytes]) -> str | None:
        for _ in range(int(_PATIENCE_S)):
            try:
                return box.get(timeout=1.0)
            except Empty:
                if nursery.poll() is not None:
                    break
        return None

    def _living(self) -> subprocess.Popen[bytes]:
        if self._nursery is None or self._nursery.poll() is not None:
            if self._nursery and self._nursery.stdin:
                self._nursery.stdin.close()
            self._nursery = _started()
            threading.Thread(
                target=self._listen, args=(self._nursery,), name="bydawn-answers", daemon=True
            ).start()
        return self._nursery

    def _listen(self, nursery: subprocess.Popen[bytes]) -> None:
        assert nursery.stdout
        with io.BufferedReader(nursery.stdout) as stream:  # type: ignore[type-var]
            for line in stream:
                number, _, answer = line.decode().strip().partition(" ")
                box = self._waiting.get(int(number))
                if box is not None:
                    box.put(answer)
        nursery.wait()


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
