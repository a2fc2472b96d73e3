"""Publish a whole folder: every open through the target's name finds the old tree or the new one.

The target is a symbolic link into ``.bydawn-gate/NAME.trees/``; a new tree is written there and
flushed, and the link is replaced in one rename. A reader that stays inside a tree it has entered
keeps that tree: the one before the current is left standing until the next publication. A real
folder in the target's place is never moved away by the gate, because that would leave a moment
with no target at all.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
from pathlib import Path

from bydawn.core.fencing import Claim, FenceRecord, admit, is_done
from bydawn.gates.beside import FOLDER, PATIENCE_MS, Beside, flush_folder
from bydawn.gates.drafts import copied, entries_of, open_regular, tree_digest
from bydawn.gates.gate import Guarantee, PublishError, Receipt, Steps, no_steps


class FolderGate:
    """One folder, seen through a link."""

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
        """Install the folder ``source`` of the draft; proof of what readers see from now on."""
        folder = draft / source
        try:
            digest = tree_digest(folder)
            self._steps("read")
            with self._beside.held(str(claim)):
                return self._install(folder, digest, claim, has_history)
        except OSError as error:
            raise PublishError(f"{self.target}: {error.strerror}") from error

    def look(self) -> FenceRecord | None:
        return self._beside.read()

    def adopt(self, claim: Claim) -> FenceRecord:
        with self._beside.held(str(claim)):
            record = FenceRecord(claim, self._there() or "", applied=True)
            self._beside.write(record)
            return record

    def _install(self, folder: Path, digest: str, claim: Claim, has_history: bool) -> Receipt:
        seen = self._beside.believed()
        admit(seen, claim, self.target, has_history)
        self._steps("compared")
        if is_done(seen, claim, digest):
            return Receipt(self.target, digest, written=False)
        record = FenceRecord(claim, digest)
        if self._there() == digest:
            self._beside.write(record.as_applied())
            return Receipt(self.target, digest, written=False)
        self._apply(folder, record)
        return Receipt(self.target, digest, written=True)

    def _apply(self, folder: Path, record: FenceRecord) -> None:
        self._refuse_real_folder()
        before = self._current()
        self._sweep(before)
        tree = self._copied(folder, record.sha256)
        self._steps("copied")
        self._beside.write(record)
        self._steps("installed")
        self._swap(tree)
        self._steps("applied")
        self._beside.write(record.as_applied(), durable=False)
        self._steps("noted")

    def _refuse_real_folder(self) -> None:
        if self._path.exists() and not self._path.is_symlink():
            raise PublishError(
                f"{self.target}: is there and is no link of this gate; move it away once,"
                " the gate then puts a link in its place",
                hopeless=True,
            )

    @property
    def _trees(self) -> Path:
        return self._beside.file("trees")

    def _current(self) -> str:
        """The name of the tree the link leads to; empty where it leads elsewhere or nowhere."""
        try:
            leads_to = Path(os.readlink(self._path))
        except OSError:
            return ""
        return leads_to.name if leads_to.parent.name == self._trees.name else ""

    def _there(self) -> str | None:
        """The digest of the tree that readers see."""
        current = self._current()
        try:
            return tree_digest(self._trees / current) if current else None
        except (OSError, PublishError):
            return None

    def _sweep(self, current: str) -> None:
        """Remove trees that no link leads to: all but the current one, which is the next one's
        predecessor."""
        self._trees.mkdir(mode=0o755, exist_ok=True)
        for tree in self._trees.iterdir():
            if tree.name != current:
                shutil.rmtree(tree, ignore_errors=True)

    def _copied(self, folder: Path, digest: str) -> Path:
        """A flushed copy of the folder under a name of its own."""
        tree = self._trees / f"{digest[:16]}-{secrets.token_hex(4)}"
        tree.mkdir(mode=0o755)
        folders = [tree]
        for name, is_folder in entries_of(folder):
            if is_folder:
                (tree / name).mkdir(mode=0o755, exist_ok=True)
                folders.append(tree / name)
            else:
                _copy_file(folder / name, tree / name)
        for made in reversed(folders):
            flush_folder(made)
        flush_folder(self._trees)
        if tree_digest(tree) != digest:
            raise PublishError(f"{self.target}: its draft changed while it was being read")
        return tree

    def _swap(self, tree: Path) -> None:
        link = self._beside.file("link")
        with contextlib.suppress(FileNotFoundError):
            link.unlink()
        link.symlink_to(Path(FOLDER) / self._trees.name / tree.name)
        link.replace(self._path)
        flush_folder(self._path.parent)


def _copy_file(source: Path, place: Path) -> None:
    descriptor = open_regular(source)
    try:
        can_run = os.fstat(descriptor).st_mode & 0o100
        copied(descriptor, place, 0o755 if can_run else 0o644)
    finally:
        os.close(descriptor)
