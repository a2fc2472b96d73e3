"""Secrets of one run, covered in what its supervisor leaves on disk."""

from __future__ import annotations

import contextlib
import os
import stat
from typing import Any

from bydawn.core.redaction import RedactedStream, Redactor, redactor_of

_CHUNK = 1 << 20


def redactor_for(order: dict[str, Any]) -> Redactor:
    """What knows the secrets of an order; their values live in memory alone."""
    environment = order["environment"]
    return redactor_of(tuple(environment.get(name, "") for name in order.get("secrets", ())))


def cover_file(path: str, redactor: Redactor) -> None:
    """Cover secrets in a file the run wrote itself, in its place; nothing moves. A file that is
    not there, or no plain file, is left alone."""
    if not redactor:
        return
    with contextlib.suppress(OSError):
        descriptor = os.open(path, os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK)
        try:
            if stat.S_ISREG(os.fstat(descriptor).st_mode):
                _cover(descriptor, redactor)
        finally:
            os.close(descriptor)


def _cover(descriptor: int, redactor: Redactor) -> None:
    stream, place, written = RedactedStream(redactor), 0, 0
    while data := os.pread(descriptor, _CHUNK, place):
        place += len(data)
        written += os.pwrite(descriptor, stream.feed(data), written)
    os.pwrite(descriptor, stream.close(), written)
