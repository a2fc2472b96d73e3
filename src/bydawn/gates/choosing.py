"""From what a plan or a person names as a target to its gate. Making one touches nothing yet."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Protocol

from bydawn.core.fencing import Claim
from bydawn.core.model import Publication
from bydawn.gates.drafts import Leaving, is_folder_inside, leaving
from bydawn.gates.files import FileGate
from bydawn.gates.folders import FolderGate
from bydawn.gates.gate import Gate, PublishError, Receipt
from bydawn.gates.git import GitGate
from bydawn.gates.requests import RequestGate
from bydawn.gates.worktrees import WorktreeGate
from bydawn.processes.worktrees import is_workspace


class DraftGate(Gate, Protocol):
    """A gate that takes something out of a draft."""

    def publish(
        self, draft: Path, source: str, claim: Claim, has_history: bool = False
    ) -> Receipt: ...


def path_gate(target: Path, draft: Path, source: str) -> FileGate | FolderGate:
    """The gate of a file, or of a folder where ``source`` is one. The last part of a target is
    taken as written: it may be the very link that the folder gate made."""
    real = target.parent.resolve() / target.name
    return FolderGate(real) if is_folder_inside(draft, source) else FileGate(real)


def publication_gate(
    publication: Publication,
    draft: Path,
    plan_folder: Path,
    state_folder: Path,
    environment: Mapping[str, str],
) -> DraftGate:
    """The gate of a publication whose words are filled in."""
    if publication.kind == "git":
        branch, folder = publication.branch or "", str(draft.parent)
        if is_workspace(folder):
            return WorktreeGate(publication.target, branch, folder, environment)
        return branch_gate(publication.target, branch, plan_folder, environment)
    if publication.kind == "http":
        return request_gate(publication.target, state_folder)
    return path_gate(plan_folder / publication.target, draft, publication.source)


def leaving_by(gate: DraftGate, draft: Path, source: str) -> Iterator[Leaving]:
    """All that would leave a draft by a gate."""
    if isinstance(gate, WorktreeGate):
        return gate.leaving(draft, source)
    return leaving(draft, source)


def standing_gate(target: Path) -> FileGate | FolderGate:
    """The gate of what stands at a path now."""
    real = target.parent.resolve() / target.name
    return FolderGate(real) if real.is_symlink() and real.is_dir() else FileGate(real)


def branch_gate(
    remote: str, branch: str, repository: Path, environment: Mapping[str, str]
) -> GitGate:
    """The gate of one branch; a remote that is only a name belongs to its repository."""
    gate = GitGate(remote, branch, repository, environment)
    if not ("/" in remote or ":" in remote):
        gate.target = f"{repository}:{remote}#{branch}"
    return gate


def request_gate(words: str, state_folder: Path) -> RequestGate:
    """The gate of ``PUT https://…`` or ``POST https://…``."""
    method, _, url = words.partition(" ")
    return RequestGate(method, url.strip(), state_folder)


def named_gate(name: str, folder: Path, state_folder: Path, environment: Mapping[str, str]) -> Gate:
    """The gate a message spoke of: a path, ``REMOTE#BRANCH``, ``FOLDER:REMOTE#BRANCH``, or
    ``PUT https://…``."""
    if name.startswith(("PUT ", "POST ")):
        return request_gate(name, state_folder)
    remote, mark, branch = name.rpartition("#")
    if not mark or (folder / name).exists():
        return standing_gate(folder / name)
    place, colon, alone = remote.rpartition(":")
    if colon and Path(place).is_absolute() and Path(place).is_dir():
        return branch_gate(alone, branch, Path(place), environment)
    if not remote or not branch:
        raise PublishError(f"{name}: write it as REMOTE#BRANCH", hopeless=True)
    return branch_gate(remote, branch, folder, environment)
