"""What a run prints, kept within a cap: the beginning, the end, and how much was cut between.

While a run goes on, ``output.log`` holds the beginning and ``output.tail`` a ring with the newest
bytes; at the end the ring is unrolled behind the beginning. Memory and disk stay bounded however
much is printed, and a full disk never blocks or fails the run. Secrets are covered before anything
is written.

Where stdout is an answer to be read by us, it is kept in a log of its own as well, so that nothing
said on stderr comes between.
"""

from __future__ import annotations

import contextlib
import os

from bydawn.core.redaction import RedactedStream, Redactor
from bydawn.processes.folder import write_all

_CHUNK = 65536
_LAST = 4096


class OutputLog:
    """Takes the output of one run through a pipe it reads without ever waiting.

    What it takes, ``also`` takes too. Of what says nothing there is no file."""

    def __init__(
        self,
        path: str,
        cap_bytes: int,
        redactor: Redactor | None = None,
        also: OutputLog | None = None,
    ) -> None:
        self._path = path
        self._safe = RedactedStream(redactor) if redactor else None
        self._also = also
        self._head: int | None = None
        self._head_room = cap_bytes // 2
        self._ring: _Ring | None = None
        self._ring_size = max(1, cap_bytes - cap_bytes // 2)
        self._last = b""
        self.seen = 0

    def drain(self, pipe: int) -> bool:
        """Take what waits in the pipe, a megabyte at most; False once nobody can write any more."""
        for _ in range(16):
            try:
                data = os.read(pipe, _CHUNK)
            except BlockingIOError:
                return True
            if not data:
                return False
            self.take(data)
        return True

    def take(self, data: bytes) -> None:
        if self._also:
            self._also.take(data)
        self.seen += len(data)
        self._take_safe(self._safe.feed(data) if self._safe else data)

    def _take_safe(self, data: bytes) -> None:
        self._last = (self._last + data)[-_LAST:]
        # A full disk costs the run its log, not its life.
        with contextlib.suppress(OSError):
            self._keep(data)

    def close(self) -> None:
        if self._safe:
            self._take_safe(self._safe.close())
        try:
            if self._ring:
                self._unroll(self._ring)
        except OSError:
            pass
        finally:
            if self._head is not None:
                os.close(self._head)

    def last_line(self) -> str:
        """The last line that says anything."""
        lines = self._last.decode(errors="replace").splitlines()
        return next((line.strip() for line in reversed(lines) if line.strip()), "")

    def _keep(self, data: bytes) -> None:
        head, tail = data[: self._head_room], data[self._head_room :]
        if head:
            self._head_room -= len(head)
            write_all(self._opened(), head)
        if tail:
            self._ring = self._ring or _Ring(self._tail_path(), self._ring_size)
            self._ring.write(tail)

    def _opened(self) -> int:
        """Made with the first byte: of many runs that say nothing, each would cost an inode."""
        if self._head is None:
            self._head = _open(self._path)
        return self._head

    def _unroll(self, ring: _Ring) -> None:
        head = self._opened()
        if ring.lost:
            write_all(head, f"\n[{ring.lost} bytes of output cut here]\n".encode())
        ring.copy_to(head)
        ring.close()
        os.unlink(self._tail_path())

    def _tail_path(self) -> str:
        return os.path.splitext(self._path)[0] + ".tail"


class _Ring:
    """The newest bytes of a stream in a file that is written round and round."""

    def __init__(self, path: str, size: int) -> None:
        self._file = _open(path)
        self._size = size
        self._seen = 0

    @property
    def lost(self) -> int:
        return max(0, self._seen - self._size)

    def write(self, data: bytes) -> None:
        skipped = max(0, len(data) - self._size)
        place = (self._seen + skipped) % self._size
        self._seen += len(data)
        kept = data[skipped:]
        until_end = self._size - place
        _write_at(self._file, kept[:until_end], place)
        _write_at(self._file, kept[until_end:], 0)

    def copy_to(self, target: int) -> None:
        place = self._seen % self._size if self.lost else 0
        _copy(self._file, target, place, min(self._size, self._seen))
        if self.lost:
            _copy(self._file, target, 0, place)

    def close(self) -> None:
        os.close(self._file)


def _open(path: str) -> int:
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)


def _write_at(descriptor: int, data: bytes, place: int) -> None:
    while data:
        written = os.pwrite(descriptor, data, place)
        data = data[written:]
        place += written


def _copy(source: int, target: int, place: int, end: int) -> None:
    while place < end:
        data = os.pread(source, min(_CHUNK, end - place), place)
        if not data:
            return
        write_all(target, data)
        place += len(data)
