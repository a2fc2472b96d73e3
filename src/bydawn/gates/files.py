"""Publish one file: readers see the old content or the new, and an older claim changes nothing."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from bydawn.gates.beside import flush_folder
from bydawn.gates.drafts import copied, digest_at, digest_of, open_inside
from bydawn.gates.gate import PublishError
from bydawn.gates.paths import PathGate

__all__ = ["FileGate", "PublishError", "digest_of", "open_inside"]


class FileGate(PathGate):
    """One file, replaced in one rename."""

    def _digest(self, draft: Path, source: str) -> str:
        descriptor = open_inside(draft, source)
        try:
            return digest_of(descriptor)
        finally:
            os.close(descriptor)

    def _there(self) -> str | None:
        return digest_at(self._path)

    def _copied(self, draft: Path, source: str, digest: str) -> Path:
        fresh = self._beside.file("new")
        descriptor = open_inside(draft, source)
        try:
            if copied(descriptor, fresh, self._mode()) != digest:
                raise self._changed()
        finally:
            os.close(descriptor)
        return fresh

    def _show(self, fresh: Path) -> None:
        fresh.replace(self._path)
        flush_folder(self._path.parent)

    def _mode(self) -> int:
        """The mode of what is there; of a new file, one that a web server can read."""
        return stat.S_IMODE(self._path.stat().st_mode) if self._path.is_file() else 0o644
