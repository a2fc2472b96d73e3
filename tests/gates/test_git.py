"""Git branches: the contract over a bare repository, and pushes from one's own."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from gate_contract import RecordContract, Stand, claim

from bydawn.core.errors import Fenced
from bydawn.core.fencing import Claim
from bydawn.gates.gate import Guarantee, PublishError, Steps, no_steps
from bydawn.gates.git import GitGate, Moved

_IDENTITY = {
    "GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_SYSTEM": "/dev/null",
    "GIT_AUTHOR_NAME": "t", "GIT_AUTHOR_EMAIL": "t@t", "GIT_COMMITTER_NAME": "t",
    "GIT_COMMITTER_EMAIL": "t@t",
}  # fmt: skip
ENVIRONMENT = {**os.environ, **_IDENTITY}


def git(folder: Path, *words: str) -> str:
    done = subprocess.run(
        ["git", *words], cwd=folder, env=ENVIRONMENT, capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


class GitStand:
    points = ("compared", "prepared", "pushed")

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.remote = folder / "remote.git"
        git(folder, "init", "--quiet", "--bare", str(self.remote))

    def gate(self, steps: Steps = no_steps) -> GitGate:
        return GitGate(str(self.remote), "content", self.folder, ENVIRONMENT, steps)

    def write(
        self, claim: Claim, content: str, steps: Steps = no_steps, has_history: bool = False
    ) -> bool:
        draft = self.folder / "drafts" / f"{claim.token}.{abs(hash(content))}"
        (draft / "deep").mkdir(parents=True, exist_ok=True)
        (draft / "deep" / "page").write_text(content)
        return self.gate(steps).publish(draft, ".", claim, has_history).written

    def read(self) -> str | None:
        try:
            return git(self.remote, "show", "content:deep/page")
        except subprocess.CalledProcessError:
            return None

    def everything(self) -> object:
        return git(self.remote, "for-each-ref")

    def was_outrun(self, error: PublishError) -> bool:
        return isinstance(error, Moved)

    def damage(self) -> None:
        tree = git(self.remote, "write-tree")
        broken = git(self.remote, "commit-tree", tree, "-m", '{"schema": "bydawn/fence/1"}')
        git(self.remote, "update-ref", "refs/bydawn/fence/content", broken)

    def forget(self) -> None:
        git(self.remote, "update-ref", "-d", "refs/bydawn/fence/content")


class TestGit(RecordContract):
    rounds = 4

    @pytest.fixture
    def stand(self, tmp_path: Path) -> Stand:
        return GitStand(tmp_path)


@pytest.fixture
def stand(tmp_path: Path) -> GitStand:
    return GitStand(tmp_path)


@pytest.fixture
def clone(stand: GitStand) -> Path:
    """A working copy with one commit pushed under token 1."""
    here = stand.folder / "clone"
    git(stand.folder, "clone", "--quiet", str(stand.remote), str(here))
    commit(here, "one")
    pushing(here).push("HEAD", claim(1))
    return here


def commit(here: Path, content: str) -> None:
    (here / "page").write_text(content)
    git(here, "add", "page")
    git(here, "commit", "--quiet", "-m", content)


def pushing(here: Path) -> GitGate:
    return GitGate("origin", "content", here, ENVIRONMENT)


def test_branch_and_record_are_one_commit_of_the_remote(stand: GitStand) -> None:
    assert stand.gate().guarantee is Guarantee.TRANSACTIONAL


def test_a_push_brings_the_commits_and_the_fence(stand: GitStand, clone: Path) -> None:
    commit(clone, "two")
    assert pushing(clone).push("HEAD", claim(2)).written
    assert git(stand.remote, "show", "content:page") == "two"
    with pytest.raises(Fenced):
        pushing(clone).push("HEAD~1", claim(1))
    assert git(stand.remote, "show", "content:page") == "two"


def test_commits_of_others_are_not_pushed_away(stand: GitStand, clone: Path) -> None:
    stand.write(claim(2), "theirs")
    commit(clone, "mine")
    before = stand.everything()
    with pytest.raises(PublishError, match="pull and merge"):
        pushing(clone).push("HEAD", claim(3))
    assert stand.everything() == before


def test_a_publication_keeps_the_history_of_the_branch(stand: GitStand) -> None:
    for token in (1, 2, 3):
        stand.write(claim(token), f"version {token}")
    assert git(stand.remote, "rev-list", "--count", "content") == "3"


def test_a_branch_that_somebody_moved_without_the_gate_is_built_upon(stand: GitStand) -> None:
    stand.write(claim(1), "one")
    other = stand.folder / "other"
    git(stand.folder, "clone", "--quiet", "-b", "content", str(stand.remote), str(other))
    commit(other, "by hand")
    git(other, "push", "--quiet", "origin", "HEAD:content")
    stand.write(claim(2), "two")
    assert git(stand.remote, "log", "--format=%s", "content").splitlines()[1] == "by hand"


def test_a_lost_answer_is_found_to_have_been_a_yes(clone: Path) -> None:
    commit(clone, "two")
    assert pushing(clone).push("HEAD", claim(2)).written
    assert not pushing(clone).push("HEAD", claim(2)).written


def test_no_password_of_an_address_is_ever_said(tmp_path: Path) -> None:
    gate = GitGate("https://me:geheim@127.0.0.1:9/r.git", "main", tmp_path, ENVIRONMENT)
    assert "geheim" not in gate.target
    with pytest.raises(PublishError) as told:
        gate.look()
    assert "geheim" not in str(told.value)


def test_the_users_repository_is_not_touched_by_a_publication(stand: GitStand, clone: Path) -> None:
    before = git(clone, "for-each-ref"), git(clone, "count-objects")
    draft = stand.folder / "d"
    draft.mkdir()
    (draft / "page").write_text("new")
    pushing(clone).publish(draft, ".", claim(5))
    assert (git(clone, "for-each-ref"), git(clone, "count-objects")) == before
    assert git(stand.remote, "show", "content:page") == "new"


def test_a_remote_with_reasons_of_its_own_is_asked_once(stand: GitStand) -> None:
    hook = stand.remote / "hooks" / "pre-receive"
    hook.write_text("#!/bin/sh\necho asked >> asked\nexit 1\n")
    hook.chmod(0o755)
    with pytest.raises(PublishError, match="declined"):
        stand.write(claim(1), "one")
    assert (stand.remote / "asked").read_text() == "asked\n"
    assert stand.read() is None


def test_a_fence_that_rose_while_we_built_is_not_pushed_away(tmp_path: Path) -> None:
    """The newer claim found our very content there, so that only the record moved."""
    stand = GitStand(tmp_path)
    stand.write(claim(1), "same")

    def outrun(step: str) -> None:
        if step == "prepared" and stand.gate().look() == record_of(1):
            stand.write(claim(9), "same")

    def record_of(token: int) -> object:
        seen = stand.gate().look()
        return seen if seen is not None and seen.claim.token == token else None

    with pytest.raises(Fenced):
        stand.write(claim(2), "other", outrun)
    seen = stand.gate().look()
    assert seen is not None
    assert (seen.claim.token, stand.read()) == (9, "same")
