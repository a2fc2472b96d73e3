"""JSON lines that somebody is still writing: each whole one is taken once, half ones wait.

What is not understood (other encodings, other JSON than objects, lines beyond the cap) is passed
over: whoever writes is not trusted.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from typing import Any

from bydawn.processes.folder import open_plain

Take = Callable[[dict[str, Any]], None]
_FILE_CAP = 64_000_000
_CHUNK = 1 << 18


class Lines:
    """How far one file has been read; ``take`` hears of every object in it."""

    def __init__(self, take: Take, line_cap: int) -> None:
        self._take = take
        self._line_cap = line_cap
        self._offset = 0
        self._half = b""
        self._skipping = False

    def read_on(self, path: str) -> int:
        """Take what was written since; how many bytes there are by now."""
        try:
            size = os.lstat(path).st_size
        except OSError:
            return 0
        if size > self._offset:
            self._read_until(path, min(size, _FILE_CAP))
        return size

    def finish(self) -> None:
        """Take the last line even when its end is missing: nobody will write it any more."""
        if self._half and not self._skipping:
            self._take_line(self._half)
        self._half = b""

    def _read_until(self, path: str, end: int) -> None:
        try:
            with open_plain(path) as stream:
                stream.seek(self._offset)
                while self._offset < end and (data := stream.read(min(_CHUNK, end - self._offset))):
                    self._offset += len(data)
                    self.hear(data)
        except OSError:
            return

    def hear(self, data: bytes) -> None:
        """Take what comes next, wherever it was cut."""
        *lines, half = (self._half + data).split(b"\n")
        for line in lines:
            if not self._skipping:
                self._take_line(line)
            self._skipping = False
        self._skipping = self._skipping or len(half) > self._line_cap
        self._half = b"" if self._skipping else half

    def _take_line(self, line: bytes) -> None:
        try:
            said = json.loads(line)
        except (ValueError, RecursionError):
            return
        if isinstance(said, dict):
            self._take(said)
