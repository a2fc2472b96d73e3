"""What files and folders share: the order of the steps at a path, and what a crash leaves.

Under the gate: the record is read and compared; the content is written beside the target and
flushed; the record says what is about to be written, flushed; one rename makes it visible, flushed;
the record says that it is applied. A crash between any two leaves either the old content and, at
most, a record of intent, or the new content and a record that names it: the next comer looks at
the content and knows.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from pathlib import Path

from bydawn.core.fencing import Claim, FenceRecord, admit, is_done
from bydawn.gates.beside import PATIENCE_MS, Beside
from bydawn.gates.gate import Guarantee, PublishError, Receipt, Steps, no_steps


class PathGate(ABC):
    """One path. The record and the gate stand beside it (see ``beside``)."""

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

    def publish(self, draft: Path, source: str, claim: Claim, has_history: bool = False) -> Receipt:
        """Install ``source`` of the draft; proof of what readers see from now on."""
        try:
            digest = self._digest(draft, source)
            self._steps("read")
            with self._beside.held(str(claim)):
                seen = self._beside.believed()
                admit(seen, claim, self.target, has_history)
                self._steps("compared")
                written = not is_done(seen, claim, digest) and self._install(
                    draft, source, FenceRecord(claim, digest)
                )
        except OSError as error:
            raise PublishError(f"{self.target}: {error.strerror}") from error
        return Receipt(self.target, digest, written)

    def look(self) -> FenceRecord | None:
        return self._beside.read()

    def adopt(self, claim: Claim) -> FenceRecord:
        with self._beside.held(str(claim)):
            record = FenceRecord(claim, self._there() or "", applied=True)
            self._beside.write(record)
            return record

    def _install(self, draft: Path, source: str, record: FenceRecord) -> bool:
        """Whether anything had to be written: the number rises in either case."""
        if self._there() == record.sha256:
            self._beside.write(record.as_applied())
            return False
        fresh = self._copied(draft, source, record.sha256)
        self._steps("copied")
        self._beside.write(record)
        self._steps("installed")
        self._show(fresh)
        self._steps("applied")
        # Undone by a power loss at worst: the next comer finds the content that the record names.
        self._beside.write(record.as_applied(), durable=False)
        self._steps("noted")
        return True

    def _changed(self) -> PublishError:
        return PublishError(f"{self.target}: its draft changed while it was being read")

    @abstractmethod
    def _digest(self, draft: Path, source: str) -> str:
        """What is to be published, as one number."""

    @abstractmethod
    def _there(self) -> str | None:
        """What readers see now, as one number; None where there is nothing of this kind."""

    @abstractmethod
    def _copied(self, draft: Path, source: str, digest: str) -> Path:
        """A flushed copy beside the target."""

    @abstractmethod
    def _show(self, fresh: Path) -> None:
        """Make the copy what readers see, in one rename, flushed."""
