"""Workspaces as a target's source: the contract, and what of a worktree reaches the branch."""

from __future__ import annotations

import io
import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from gate_contract import RecordContract, Stand, claim
from test_git import ENVIRONMENT, GitStand, git

from bydawn.core.fencing import Claim
from bydawn.gates.gate import PublishError, Steps, no_steps
from bydawn.gates.worktrees import WorktreeGate, _object
from bydawn.processes.worktrees import make

pytestmark = pytest.mark.wide


class WorktreeStand(GitStand):
    """A working copy with a remote, and workspaces made from it."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.copy = folder / "copy"
        git(folder, "clone", "--quiet", str(self.remote), str(self.copy))
        (self.copy / ".gitignore").write_text("*.log\n")
        (self.copy / "base").write_text("base\n")
        git(self.copy, "add", "--all")
        git(self.copy, "commit", "--quiet", "-m", "base")
        git(self.copy, "push", "--quiet", "origin", "HEAD:main")

    def workspace(self, name: str) -> Path:
        folder = self.folder / "runs" / name
        make(str(folder), str(self.copy), "HEAD", ENVIRONMENT)
        return folder / "draft"

    def at(self, draft: Path, steps: Steps = no_steps) -> WorktreeGate:
        return WorktreeGate("origin", "content", str(draft.parent), ENVIRONMENT, steps)

    def gate(self, steps: Steps = no_steps) -> WorktreeGate:  # type: ignore[override]
        return self.at(self.workspace("any"), steps)

    def write(
        self, claim: Claim, content: str, steps: Steps = no_steps, has_history: bool = False
    ) -> bool:
        draft = self.workspace(f"{claim.token}.{abs(hash(content))}")
        (draft / "deep").mkdir(exist_ok=True)
        (draft / "deep/page").write_text(content)
        return self.at(draft, steps).publish(draft, ".", claim, has_history).written


class TestWorktree(RecordContract):
    rounds = 3

    @pytest.fixture
    def stand(self, tmp_path: Path) -> Stand:
        return WorktreeStand(tmp_path)


@pytest.fixture
def stand(tmp_path: Path) -> WorktreeStand:
    return WorktreeStand(tmp_path)


def _publish(stand: WorktreeStand, draft: Path, token: int = 1, source: str = ".") -> None:
    stand.at(draft).publish(draft, source, claim(token))


def _files(stand: WorktreeStand) -> list[str]:
    return git(stand.remote, "ls-tree", "-r", "--name-only", "content").split()


def test_what_was_not_committed_is_published_but_for_what_is_ignored(stand: WorktreeStand) -> None:
    draft = stand.workspace("one")
    (draft / "new").write_text("new\n")
    (draft / "debug.log").write_text("noise\n")
    (draft / "base").unlink()
    os.symlink("new", draft / "link")
    _publish(stand, draft)
    assert _files(stand) == [".gitignore", "link", "new"]
    assert git(stand.remote, "log", "--format=%an", "content").split() == ["bydawn", "t"]
    assert not git(stand.copy, "branch", "--list", "content")


def _leaving(stand: WorktreeStand, draft: Path) -> dict[str, bytes]:
    leaving = stand.at(draft).leaving(draft, ".")
    return {name: b"".join(pieces) for name, pieces in leaving}


def test_all_that_leaves_is_shown_also_what_was_taken_out_again(stand: WorktreeStand) -> None:
    draft = stand.workspace("one")
    (draft / "key").write_bytes(b"secret\n" * 400_000)
    git(draft, "add", "--all")
    git(draft, "-c", "user.name=x", "commit", "--quiet", "-m", "with a key")
    (draft / "key").unlink()
    git(draft, "-c", "user.name=x", "commit", "--quiet", "-am", "without it")
    (draft / "new").write_text("not committed\n")
    (draft / "debug.log").write_text("ignored\n")
    shown = _leaving(stand, draft)
    assert shown["key"] == b"secret\n" * 400_000 + b"\n"
    assert shown["new"] == b"not committed\n\n"
    assert any(b"with a key" in commit for commit in shown.values())
    assert not {"base", "debug.log", ".gitignore"} & set(shown)


def test_who_has_seen_enough_of_one_object_can_go_on_to_the_next(stand: WorktreeStand) -> None:
    draft = stand.workspace("one")
    for name in ("a", "b", "c"):
        (draft / name).write_bytes(name.encode() * 3_000_000)
    seen = [(name, next(pieces)[:1]) for name, pieces in stand.at(draft).leaving(draft, ".")]
    assert [(name, begins) for name, begins in seen if name in "abc" and name] == [
        ("a", b"a"), ("b", b"b"), ("c", b"c"),
    ]  # fmt: skip


def test_a_repository_that_cannot_be_read_shows_nothing_as_whole(stand: WorktreeStand) -> None:
    draft = stand.workspace("one")
    (draft / "new").write_text("new\n")
    gate = stand.at(draft)
    for ended in (b"", b"0 missing\n", b"0 blob 9\nshort"):
        with pytest.raises(PublishError):
            list(_object(io.BytesIO(ended)))
    (draft.parent / "git" / "HEAD").write_text("ref: refs/heads/nowhere\n")
    with pytest.raises(PublishError):
        list(gate.leaving(draft, "."))


def test_commits_of_the_run_stay_its_own(stand: WorktreeStand) -> None:
    draft = stand.workspace("one")
    (draft / "new").write_text("new\n")
    git(draft, "add", "--all")
    git(draft, "-c", "user.name=x", "commit", "--quiet", "-m", "by the agent")
    _publish(stand, draft)
    assert git(stand.remote, "log", "--format=%s", "content").splitlines() == [
        "by the agent",
        "base",
    ]


def test_a_run_on_a_branch_of_its_own_is_published_from_there(stand: WorktreeStand) -> None:
    draft = stand.workspace("one")
    git(draft, "checkout", "--quiet", "-b", "topic")
    (draft / "new").write_text("new\n")
    _publish(stand, draft)
    assert "new" in _files(stand)


def test_the_next_night_has_exactly_its_own_files(stand: WorktreeStand) -> None:
    for token, name in ((1, "monday"), (2, "tuesday")):
        draft = stand.workspace(name)
        (draft / name).write_text(name)
        (draft / "base").write_text(name)
        _publish(stand, draft, token)
    assert _files(stand) == [".gitignore", "base", "tuesday"]
    assert git(stand.remote, "show", "content:base") == "tuesday"
    assert len(git(stand.remote, "log", "--format=%h", "content").split()) == 4


def test_what_a_person_brought_there_is_never_replaced(stand: WorktreeStand) -> None:
    draft = stand.workspace("monday")
    (draft / "new").write_text("1")
    _publish(stand, draft)
    git(stand.copy, "fetch", "--quiet")
    git(stand.copy, "checkout", "--quiet", "content")
    (stand.copy / "fix").write_text("by hand")
    git(stand.copy, "add", "fix")
    git(stand.copy, "commit", "--quiet", "-m", "by hand")
    git(stand.copy, "push", "--quiet", "origin", "content")
    git(stand.copy, "checkout", "--quiet", "-")
    before = stand.everything()
    draft = stand.workspace("tuesday")
    (draft / "new").write_text("2")
    with pytest.raises(PublishError, match="somebody else brought") as told:
        _publish(stand, draft, 2)
    assert told.value.hopeless
    assert stand.everything() == before


def test_a_folder_of_it_becomes_the_whole_branch(stand: WorktreeStand) -> None:
    draft = stand.workspace("one")
    (draft / "dist").mkdir()
    (draft / "dist/index.html").write_text("page")
    _publish(stand, draft, source="dist")
    assert _files(stand) == ["index.html"]


def test_a_repository_inside_is_told_and_not_published_as_a_link(stand: WorktreeStand) -> None:
    draft = stand.workspace("one")
    git(draft, "clone", "--quiet", str(stand.copy), "inner")
    with pytest.raises(PublishError, match="inner is a git repository of its own"):
        _publish(stand, draft)
    assert stand.everything() == git(stand.remote, "for-each-ref", "refs/heads/main")


_HOSTILE: dict[str, Callable[[Path], object]] = {
    "hook": lambda at: _program(at / "hooks/pre-push", at),
    "filter": lambda at: _filter(at),
    "monitor": lambda at: git(at.parent / "draft", "config", "core.fsmonitor", f"touch {at}/pwned"),
}


def _program(path: Path, at: Path) -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_text(f"#!/bin/sh\ntouch {at}/pwned\n")
    path.chmod(0o755)
    git(at.parent / "draft", "config", "--unset", "core.hooksPath")


def _filter(at: Path) -> None:
    git(at.parent / "draft", "config", "filter.evil.clean", f"touch {at}/pwned; cat")
    (at.parent / "draft/.gitattributes").write_text("* filter=evil\n")


@pytest.mark.parametrize("how", _HOSTILE)
def test_nothing_the_run_left_in_its_repository_is_run_by_us(
    stand: WorktreeStand, how: str
) -> None:
    draft = stand.workspace("one")
    (draft / "new").write_text("new\n")
    _HOSTILE[how](draft.parent / "git")
    _publish(stand, draft)
    assert "new" in _files(stand)
    assert not (draft.parent / "git/pwned").exists()


def test_a_repository_the_run_broke_is_told(stand: WorktreeStand) -> None:
    draft = stand.workspace("one")
    (draft.parent / "git/HEAD").write_text("nonsense\n")
    with pytest.raises(PublishError, match="the workspace: git rev-parse"):
        _publish(stand, draft)


def test_pushing_past_the_gate_by_the_name_of_the_remote_fails(stand: WorktreeStand) -> None:
    draft = stand.workspace("one")
    with pytest.raises(subprocess.CalledProcessError) as failed:
        git(draft, "push", "origin", "HEAD:sneaked")
    assert "published-by-bydawn-after-the-checks" in failed.value.stderr
    git(draft, "fetch", "--quiet", "origin")
