"""What stands beside a file or folder that is published to: its fence record and who is at it.

For ``public/index.html`` that is ``public/.bydawn-gate/index.html.json`` (the record), ``….gate``
(held by the kernel's advisory lock while somebody writes, never removed) and ``….new`` (content on
its way, overwritten by the next comer). One folder, so that a web server or an ignore file needs
one line for it.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import time
from collections.abc import Iterator
from pathlib import Path

from bydawn.core.fencing import Damaged, FenceRecord, asks_for_a_person, decoded, encoded
from bydawn.gates.gate import PublishError, Steps, no_steps

FOLDER = ".bydawn-gate"
PATIENCE_MS = 10_000
_LONGEST_NAME = 200
_LOOK_AGAIN_S = (0.001, 0.05)
_SIGNATURE = 4096


class Beside:
    """The record and the right to write at one target, beside it."""

    def __init__(
        self,
        target: Path,
        patience_ms: int = PATIENCE_MS,
        steps: Steps = no_steps,
        folder: Path | None = None,
    ) -> None:
        self.target = target
        self.folder = folder or target.parent / FOLDER
        self._name = _short(target.name)
        self._patience_ms = patience_ms
        self._steps = steps

    def file(self, ending: str) -> Path:
        return self.folder / f"{self._name}.{ending}"

    @contextlib.contextmanager
    def held(self, who: str) -> Iterator[None]:
        """The only one at this target; waits a bounded while, then says who holds it."""
        self._make_folder()
        descriptor = self._hold(time.monotonic() + self._patience_ms / 1000)
        try:
            _sign(descriptor, who)
            self._steps("held")
            yield
        finally:
            os.close(descriptor)

    def read(self) -> FenceRecord | None:
        """The record; None when there is none. Raises Damaged."""
        try:
            return decoded(self.file("json").read_bytes())
        except FileNotFoundError:
            return None
        except OSError as error:
            raise Damaged(f"{self.file('json')}: {error.strerror}") from error

    def believed(self) -> FenceRecord | None:
        """The record; one that is damaged is a person's question."""
        try:
            return self.read()
        except Damaged as error:
            raise asks_for_a_person(
                str(self.target), f"its fence record is damaged ({error})"
            ) from error

    def write(self, record: FenceRecord, durable: bool = True) -> None:
        """Replace the record by a whole one. That it is the new one, and not the one before, a
        power loss may undo where it need not be durable."""
        private = self.file("json.new")
        descriptor = os.open(private, _FRESH, 0o644)
        try:
            write_all(descriptor, encoded(record).encode())
            # Else the new name may survive without its content: a record that nobody believes.
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        private.replace(self.file("json"))
        if durable:
            flush_folder(self.folder)

    def _hold(self, until: float) -> int:
        pause_s, longest_s = _LOOK_AGAIN_S
        while True:
            descriptor = os.open(self.file("gate"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
            if _try_hold(descriptor) and self._still_stands(descriptor):
                return descriptor
            holder = _signed(descriptor)
            os.close(descriptor)
            if time.monotonic() >= until:
                raise PublishError(self._too_long(holder))
            time.sleep(pause_s)
            pause_s = min(pause_s * 2, longest_s)

    def _still_stands(self, descriptor: int) -> bool:
        """Whether the name still leads to what is held: the whole folder may have been replaced."""
        try:
            return os.path.samestat(os.fstat(descriptor), self.file("gate").stat())
        except OSError:
            self._make_folder()
            return False

    def _make_folder(self) -> None:
        if not self.folder.is_dir():
            self.folder.mkdir(mode=0o755, parents=True, exist_ok=True)
            # A target in a repository is often committed; what the gate remembers must not be.
            (self.folder / ".gitignore").write_text("*\n")

    def _too_long(self, holder: str) -> str:
        return (
            f"{self.target}: another process has been at its gate for over"
            f" {self._patience_ms / 1000:g} s ({holder}); let it go on, or end it"
        )


_FRESH = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC


def write_all(descriptor: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]


def flush_folder(folder: Path) -> None:
    """Make a rename in this folder survive a power loss."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _short(name: str) -> str:
    """A long name leaves no room for an ending."""
    if len(os.fsencode(name)) <= _LONGEST_NAME:
        return name
    return hashlib.sha256(os.fsencode(name)).hexdigest()


def _try_hold(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _sign(descriptor: int, who: str) -> None:
    """For whoever waits in vain: who it is. Always of one size, because cutting a file is slow."""
    text = json.dumps({"pid": os.getpid(), "for": who[:400]})
    os.pwrite(descriptor, text.encode().ljust(_SIGNATURE), 0)


def _signed(descriptor: int) -> str:
    try:
        found = json.loads(os.pread(descriptor, _SIGNATURE, 0))
        return f"process {int(found['pid'])}{_condition(int(found['pid']))}, {found['for']}"
    except (ValueError, KeyError, TypeError):
        return "it has not said who it is"


def _condition(pid: int) -> str:
    """Whether the holder is stopped, where the platform tells."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")[2].split()[0]
    except (OSError, IndexError):
        return ""
    return " (stopped)" if state in "Tt" else ""
