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

from bydawn.gates.beside import FOLDER, flush_folder
from bydawn.gates.drafts import copied, entries_of, open_regular, tree_digest
from bydawn.gates.gate import PublishError
from bydawn.gates.paths import PathGate


class FolderGate(PathGate):
    """One folder, seen through a link."""

    def _digest(self, draft: Path, source: str) -> str:
        return tree_digest(draft / source)

    def _there(self) -> str | None:
        current = self._current()
        try:
            return tree_digest(self._trees / current) if current else None
        except (OSError, PublishError):
            return None

    def _copied(self, draft: Path, source: str, digest: str) -> Path:
        self._refuse_real_folder()
        self._sweep(self._current())
        tree = self._trees / f"{digest[:16]}-{secrets.token_hex(4)}"
        tree.mkdir(mode=0o755)
        folders = [tree]
        for name, is_folder in entries_of(draft / source):
            if is_folder:
                (tree / name).mkdir(mode=0o755, exist_ok=True)
                folders.append(tree / name)
            else:
                _copy_file(draft / source / name, tree / name)
        for made in (*reversed(folders), self._trees):
            flush_folder(made)
        if tree_digest(tree) != digest:
            raise self._changed()
        return tree

    def _show(self, fresh: Path) -> None:
        link = self._beside.file("link")
        with contextlib.suppress(FileNotFoundError):
            link.unlink()
        link.symlink_to(Path(FOLDER) / self._trees.name / fresh.name)
        link.replace(self._path)
        flush_folder(self._path.parent)

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

    def _sweep(self, current: str) -> None:
        """Remove the trees that no link leads to; the current one is about to be the previous."""
        self._trees.mkdir(mode=0o755, exist_ok=True)
        for tree in self._trees.iterdir():
            if tree.name != current:
                shutil.rmtree(tree, ignore_errors=True)


def _copy_file(source: Path, place: Path) -> None:
    descriptor = open_regular(source)
    try:
        can_run = os.fstat(descriptor).st_mode & 0o100
        copied(descriptor, place, 0o755 if can_run else 0o644)
    finally:
        os.close(descriptor)
