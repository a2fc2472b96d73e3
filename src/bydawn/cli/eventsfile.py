"""``run --events FILE``: the batch's events as JSON lines, written while they happen."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from bydawn.core.errors import StoreUnavailable
from bydawn.watch.feed import Feed
from bydawn.watch.journal import event_document
from bydawn.watch.sanitise import json_text

if TYPE_CHECKING:
    from bydawn.cli.faces import Face
    from bydawn.watch.rows import Batch, Store

_LOOK_MS = 250
_LARGEST = 64 << 20
_OLDER_KEPT = 7


class EventsFile:
    """Passes everything on to another face. A file that cannot be written costs the night nothing:
    ``trouble`` keeps what happened for the end."""

    def __init__(self, face: Face, path: Path, largest: int = _LARGEST) -> None:
        self._face, self._file = face, Rotating(path, largest)
        self._feed: Feed | None = None
        self._store: Store | None = None
        self._due_at = 0
        self.trouble: OSError | None = None

    def opened(self, store: Store, batch: Batch, already_done: int) -> None:
        self._store, self._feed = store, Feed(store, batch.number)
        self._face.opened(store, batch, already_done)

    def hear(self, wake: Callable[[], None]) -> None:
        self._face.hear(wake)

    def turned(self) -> None:
        if self._store and (now := self._store.session.clock.utc_ms()) >= self._due_at:
            self._due_at = now + _LOOK_MS
            # A store too busy to be looked at is no reason to end the run: the next look may do.
            with contextlib.suppress(StoreUnavailable):
                self._write()
        self._face.turned()

    def note(self, text: str) -> None:
        self._face.note(text)

    def close(self) -> None:
        self._face.close()
        self._write()
        self._file.close()

    def _write(self) -> None:
        if self._feed is None or self.trouble:
            return
        try:
            for event in self._feed.fresh():
                self._file.write(json_text(event_document(event)))
            self._file.flush()
        except OSError as error:
            self.trouble = error


class Rotating:
    """Lines in a file that is begun anew: an older one becomes ``FILE.1``, and so on. One that has
    grown too large makes room for the next in the same way."""

    def __init__(self, path: Path, largest: int) -> None:
        self._path, self._largest = path, largest
        self._stream: TextIO | None = None
        self._size = 0

    def write(self, line: str) -> None:
        """One whole line; no line is ever split over two files."""
        if self._stream is None or self._size > self._largest:
            self._begin()
        assert self._stream is not None
        self._stream.write(line + "\n")
        self._size += len(line) + 1

    def flush(self) -> None:
        if self._stream:
            self._stream.flush()

    def close(self) -> None:
        if self._stream:
            stream, self._stream = self._stream, None
            # What is left to be said was flushed; a full disk was noticed there.
            with contextlib.suppress(OSError):
                stream.close()

    def _begin(self) -> None:
        self.close()
        if self._path.is_file() and self._path.stat().st_size:
            for number in range(_OLDER_KEPT - 1, 0, -1):
                if self._older(number).exists():
                    self._older(number).replace(self._older(number + 1))
            self._path.replace(self._older(1))
        self._stream, self._size = self._path.open("w", encoding="utf-8"), 0

    def _older(self, number: int) -> Path:
        return self._path.with_name(f"{self._path.name}.{number}")
