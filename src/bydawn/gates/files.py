"""Publish one file: readers see the old content or the new, and an older claim changes nothing.

Under the gate, in this order: the record is read and compared; the content is written beside the
target and flushed; the record says what is about to be written, flushed; the content is renamed
over the target, flushed; the record says that it is applied. A crash between any two leaves either
the old file and, at most, a record of intent, or the new file and a record that names its content:
the next comer looks at the content and knows.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path

from bydawn.core.fencing import Claim, FenceRecord, admit, is_done
from bydawn.gates.beside import PATIENCE_MS, Beside, flush_folder
from bydawn.gates.drafts import copied, digest_at, digest_of, open_inside
from bydawn.gates.gate import Guarantee, PublishError, Receipt, Steps, no_steps

__all__ = ["FileGate", "PublishError", "digest_of", "open_inside"]


class FileGate:
    """One file. The record and the gate stand beside it (see ``beside``)."""

    guarantee = Guarantee.FENCED

    def __init__(
        self, target: Path, patience_ms: int = PATIENCE_MS, steps: Steps = no_steps
    ) -> None:
        self._path = target
        self._beside = Beside(target, patience_ms, steps)
        self._steps = steps

    @property
    def target(self) -> str:
        return str(self._path)

    def publish(
        self, draft: Path, source: str, claim: Claim, has_history: bool = False
    ) -> Receipt:
        """Install ``source`` of the draft; proof of what readers see from now on."""
        descriptor = open_inside(draft, source)
        try:
            digest = digest_of(descriptor)
            self._steps("read")
            with self._beside.held(str(claim)):
                return self._install(descriptor, digest, claim, has_history)
        except OSError as error:
            raise PublishError(f"{self.target}: {error.strerror}") from error
        finally:
            os.close(descriptor)

    def look(self) -> FenceRecord | None:
        return self._beside.read()

    def adopt(self, claim: Claim) -> FenceRecord:
        with self._beside.held(str(claim)):
            record = FenceRecord(claim, digest_at(self._path) or "", applied=True)
            self._beside.write(record)
            return record

    def _install(self, source: int, digest: str, claim: Claim, has_history: bool) -> Receipt:
        seen = self._beside.believed()
        admit(seen, claim, self.target, has_history)
        self._steps("compared")
        if is_done(seen, claim, digest):
            return Receipt(self.target, digest, written=False)
        record = FenceRecord(claim, digest)
        if digest_at(self._path) == digest:
            self._beside.write(record.as_applied())
            return Receipt(self.target, digest, written=False)
        self._apply(source, record)
        return Receipt(self.target, digest, written=True)

    def _apply(self, source: int, record: FenceRecord) -> None:
        fresh = self._beside.file("new")
        if copied(source, fresh, self._mode()) != record.sha256:
            raise PublishError(f"{self.target}: its draft changed while it was being read")
        self._steps("copied")
        self._beside.write(record)
        self._steps("installed")
        fresh.replace(self._path)
        flush_folder(self._path.parent)
        self._steps("applied")
        # Lost with the power at worst: the next comer then finds the content that the record names.
        self._beside.write(record.as_applied(), durable=False)
        self._steps("noted")

    def _mode(self) -> int:
        """The mode of what is there; of a new file, one that a web server can read."""
        return stat.S_IMODE(self._path.stat().st_mode) if self._path.is_file() else 0o644
