"""The folder of one run: who claimed it to do what, what it said and how it ended.

The claim is the one act that starts a run. It appears at once, whole and locked: written under a
private name, locked, then linked to its own, which fails for everyone but the first. Its lock is
held by the supervisor for as long as it lives and is let go by the kernel, so a claim that can be
locked by somebody else belongs to a supervisor that is dead.
"""

from __future__ import annotations

import errno
import fcntl
import json
import os
import stat
from typing import Any

_READ_CAP = 64_000_000
# What a run said on stdout alone, where that is an answer to be read.
ANSWER = "answer.log"


class RunFolder:
    """Names and files of one run folder. Holds no descriptors."""

    __slots__ = ("path",)

    def __init__(self, path: str) -> None:
        self.path = path

    def file(self, name: str) -> str:
        return f"{self.path}/{name}"

    @property
    def draft(self) -> str:
        return f"{self.path}/draft"

    @property
    def report(self) -> str:
        return f"{self.path}/report.jsonl"

    def make(self) -> None:
        make_private(self.path)
        make_private(self.draft)

    def claim(self, who: dict[str, Any]) -> int | None:
        """Take the right to start this run; the descriptor holds it. None: somebody has had it."""
        private = self.file(f"claim.{os.getpid()}")
        descriptor = os.open(private, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            write_all(descriptor, json.dumps(who).encode())
            os.link(private, self.file("claim"))
        except BaseException as problem:
            os.close(descriptor)
            if isinstance(problem, FileExistsError):
                return None
            raise
        finally:
            os.unlink(private)
        os.fsync(descriptor)
        return descriptor

    def is_claimed(self) -> bool:
        return os.path.lexists(self.file("claim"))

    def is_held(self) -> bool:
        """Whether the supervisor that claimed this run is alive; proved by its lock."""
        try:
            descriptor = os.open(self.file("claim"), os.O_RDONLY)
        except FileNotFoundError:
            return False
        try:
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except OSError as problem:
            return problem.errno in (errno.EWOULDBLOCK, errno.EACCES)
        finally:
            os.close(descriptor)
        return False

    def who(self) -> dict[str, Any]:
        return self.read("claim") or {}

    def read(self, name: str) -> dict[str, Any] | None:
        """A JSON object of ours; None when it is not there, cut short or something else."""
        try:
            value = json.loads(_read_plain(self.file(name), _READ_CAP))
        except (OSError, ValueError):
            return None
        return value if isinstance(value, dict) else None

    def write_end(self, record: dict[str, Any]) -> bytes:
        """Leave the record of an end; the line it is on disk."""
        # Not flushed: what a power loss takes of it is a run that counts as lost, never as
        # repeated.
        data = json.dumps(record).encode()
        write_whole(self.file("end.json"), data)
        return data

    def ask_to_stop(self, reason: str) -> None:
        write_whole(self.file("stop"), reason.encode(errors="replace"))

    def stop_reason(self) -> str | None:
        """Why somebody asked this run to end; None when nobody did."""
        if not os.access(self.file("stop"), os.F_OK):
            return None  # Asked at every turn, and a third of what an error costs.
        try:
            return _read_plain(self.file("stop"), 200).decode(errors="replace") or "cancel"
        except OSError:
            return None


def make_private(path: str) -> None:
    """Make a folder, and those above it, for this user only; an existing one stays as it is."""
    above = os.path.dirname(path)
    if above and not os.access(above, os.F_OK):
        make_private(above)
    try:
        os.mkdir(path, 0o700)
    except FileExistsError:
        return


def open_plain(path: str) -> Any:
    """Open a regular file for reading; links, pipes and devices in its place are refused."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(errno.EINVAL, "not a plain file", path)
    return os.fdopen(descriptor, "rb")


def _read_plain(path: str, cap: int) -> bytes:
    """The beginning of a plain file. A buffer is made for what is there, not for the cap."""
    with open_plain(path) as stream:
        size = os.fstat(stream.fileno()).st_size
        data: bytes = stream.read(min(size, cap))
        return data


def write_all(descriptor: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]


def write_whole(path: str, data: bytes) -> None:
    """Replace a file so that readers see all of it or the old one, also when we die in between."""
    private = f"{path}.{os.getpid()}"
    descriptor = os.open(private, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
    try:
        write_all(descriptor, data)
    finally:
        os.close(descriptor)
    os.rename(private, path)
