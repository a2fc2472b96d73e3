"""Commands that are kept apart work in their worktree, and in nothing else of git's."""

from __future__ import annotations

import os
from pathlib import Path

from ordered import outcome_of, output, request
from test_isolation import backend_at, needs_bwrap, needs_root, open_place
from test_workspaces import git

__all__ = ["open_place"]
_COMMIT = (
    "echo new > new; git add -A; git -c user.name=a -c user.email=a@b commit -qm apart;"
    " git log --format=%s; touch {source}/.git/escaped 2>/dev/null; true"
)


def _source(folder: Path) -> Path:
    source = folder / "source"
    source.mkdir(mode=0o755)
    git(source, "init", "--quiet", "-b", "main")
    (source / "kept").write_text("kept\n")
    git(source, "add", "--all")
    git(source, "commit", "--quiet", "-m", "first")
    return source


def _works_apart(place: Path, kind: str) -> None:
    source = _source(place.parent)
    workspace = {"git": str(source), "ref": "main"}
    payload = {"shell": _COMMIT.format(source=source), "workspace": workspace}
    wanted = request(place, "one", payload, isolate=kind)
    outcome = outcome_of(backend_at(place), wanted)
    assert outcome.failure is None, (outcome, output(wanted))
    # Git may complain first that this user's settings are not the account's to read.
    assert output(wanted).split()[-2:] == ["apart", "first"]
    assert not (source / ".git/escaped").exists()
    assert os.path.exists(f"{wanted.folder}/git/refs/heads/main")


@needs_root
def test_another_account_commits_in_its_worktree(open_place: Path) -> None:
    _works_apart(open_place, "user")


@needs_bwrap
def test_a_sandbox_commits_in_its_worktree(open_place: Path) -> None:
    _works_apart(open_place, "bwrap")
