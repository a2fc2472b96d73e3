"""Worktrees as drafts: made once whatever breaks, apart from everything, and cleared away."""

from __future__ import annotations

import fcntl
import os
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from ordered import around, outcome_of, output, request

from bydawn.backends.command import CommandBackend
from bydawn.core.sightings import Absent, FailureClass, LaunchRefused, LaunchUnclear
from bydawn.processes import worktrees
from bydawn.processes.runs import LocalRuns
from bydawn.processes.worktrees import is_untidy, is_workspace, make, tidy

_MACHINE = {
    **{name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ},
    "GIT_CONFIG_GLOBAL": "/dev/null",
    "GIT_DIR": "/nowhere/at/all",
}


def git(folder: Path, *words: str) -> str:
    environment = {**os.environ, "GIT_CONFIG_GLOBAL": "/dev/null"}
    identity = ("-c", "user.name=t", "-c", "user.email=t@t")
    done = subprocess.run(["git", *identity, *words], cwd=folder, env=environment,
                          capture_output=True, text=True, check=True)  # fmt: skip
    return done.stdout.strip()


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A repository with hooks, a setting that runs something, and something not committed."""
    folder = tmp_path / "source"
    folder.mkdir()
    git(folder, "init", "--quiet", "-b", "main")
    (folder / "kept").write_text("kept\n")
    (folder / "deep").mkdir()
    (folder / "deep/file").write_text("deep\n")
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "-m", "first")
    hook = folder / ".git/hooks/post-checkout"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text(f"#!/bin/sh\ntouch {folder}/hooked\n")
    hook.chmod(0o755)
    git(folder, "config", "core.fsmonitor", f"touch {folder}/monitored; false")
    git(folder, "config", "user.name", "Me")
    (folder / "kept").write_text("not committed\n")
    return folder


@pytest.fixture
def backend(tmp_path: Path) -> Iterator[CommandBackend]:
    runs = LocalRuns(tmp_path / "state", "runner-1")
    yield CommandBackend(around(runs, _MACHINE))
    runs.close()


def _made(tmp_path: Path, source: Path, name: str = "one", ref: str = "HEAD") -> Path:
    folder = tmp_path / "runs" / name
    make(str(folder), str(source), ref, _MACHINE)
    return folder / "draft"


def test_a_worktree_is_what_was_committed_and_nothing_ran(tmp_path: Path, source: Path) -> None:
    draft = _made(tmp_path, source)
    assert (draft / "kept").read_text() == "kept\n"
    assert git(draft, "status", "--porcelain") == ""
    assert git(draft, "log", "--format=%s") == "first"
    assert git(draft, "branch", "--show-current") == "main"
    assert git(draft, "config", "--local", "user.name") == "Me"
    assert not (source / "hooked").exists()
    assert not (source / "monitored").exists()


def test_what_is_done_there_never_reaches_the_repository(tmp_path: Path, source: Path) -> None:
    before = git(source, "for-each-ref"), git(source, "config", "--local", "--list")
    draft = _made(tmp_path, source)
    (draft / "new").write_text("new")
    for words in (
        ("checkout", "--quiet", "-b", "topic"), ("add", "--all"), ("commit", "--quiet", "-m", "x"),
        ("branch", "-D", "main"), ("config", "alias.x", "status"), ("tag", "mine"),
        ("gc", "--quiet", "--prune=now"),
    ):  # fmt: skip
        git(draft, *words)
    assert (git(source, "for-each-ref"), git(source, "config", "--local", "--list")) == before
    assert git(source, "worktree", "list").count("\n") == 0
    assert git(source, "log", "--format=%s") == "first"
    git(source, "fsck", "--strict")


@pytest.mark.parametrize("shape", ["bare", "worktree", "sha256", "shallow", "detached", "tag"])
def test_every_shape_of_repository_will_do(tmp_path: Path, source: Path, shape: str) -> None:
    there, ref = tmp_path / "there", "HEAD"
    if shape == "bare":
        git(tmp_path, "clone", "--quiet", "--bare", str(source), str(there))
    elif shape == "worktree":
        git(source, "-c", "core.fsmonitor=false", "worktree", "add", "--quiet", str(there))
    elif shape == "sha256":
        git(tmp_path, "init", "--quiet", "--object-format=sha256", str(there))
        (there / "kept").write_text("kept\n")
        git(there, "add", "--all")
        git(there, "commit", "--quiet", "-m", "first")
    elif shape == "shallow":
        git(source, "commit", "--quiet", "--allow-empty", "-m", "second")
        git(tmp_path, "clone", "--quiet", "--depth=1", f"file://{source}", str(there))
    else:
        there, ref = source, git(source, "rev-parse", "HEAD") if shape == "detached" else "v1"
        git(source, "tag", "v1")
    draft = _made(tmp_path, there, ref=ref)
    assert (draft / "kept").read_text() == "kept\n"
    assert git(draft, "status", "--porcelain") == ""
    (draft / "kept").write_text("more\n")
    git(draft, "commit", "--quiet", "--all", "-m", "mine")


def test_submodules_are_left_alone(tmp_path: Path, source: Path) -> None:
    allowed = ("-c", "protocol.file.allow=always", "-c", "core.fsmonitor=false")
    git(source, *allowed, "submodule", "--quiet", "add", str(source), "inner")
    git(source, "commit", "--quiet", "-m", "inner")
    draft = _made(tmp_path, source)
    assert list((draft / "inner").iterdir()) == []
    assert git(draft, "status", "--porcelain") == ""


def test_attempts_at_once_do_not_meet(tmp_path: Path, source: Path) -> None:
    drafts: list[Path] = []
    threads = [
        threading.Thread(target=lambda n=n: drafts.append(_made(tmp_path, source, f"n{n}")))
        for n in range(6)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(drafts) == 6
    for number, draft in enumerate(drafts):
        (draft / "kept").write_text(f"{number}")
        git(draft, "commit", "--quiet", "--all", "-m", f"{number}")
    assert [git(draft, "log", "-1", "--format=%s") for draft in drafts] == list("012345")


class _Died(BaseException):
    pass


def test_whoever_dies_between_two_steps_the_next_one_makes_it_whole(
    tmp_path: Path, source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain, calls = worktrees.ask, [0]

    def counting(*words: object, **more: object) -> object:
        calls[0] += 1
        return plain(*words, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(worktrees, "ask", counting)
    _made(tmp_path, source, "whole")
    steps, folder = calls[0], tmp_path / "runs/one"
    assert steps > 10
    for dies_at in range(1, steps + 1):
        calls[0] = 0

        def dying(*words: object, dies_at: int = dies_at, **more: object) -> object:
            answer = counting(*words, **more)
            if calls[0] == dies_at:
                raise _Died
            return answer

        monkeypatch.setattr(worktrees, "ask", dying)
        with pytest.raises(_Died):
            make(str(folder), str(source), "HEAD", _MACHINE)
        assert not is_workspace(str(folder))
    monkeypatch.setattr(worktrees, "ask", plain)
    draft = _made(tmp_path, source)
    assert git(draft, "status", "--porcelain") == ""


def test_one_that_is_made_is_never_made_again(tmp_path: Path, source: Path) -> None:
    draft = _made(tmp_path, source)
    (draft / "kept").write_text("the run's own")
    git(source, "commit", "--quiet", "--all", "-m", "second")
    assert (_made(tmp_path, source) / "kept").read_text() == "the run's own"


def test_a_run_that_was_started_is_not_touched(
    tmp_path: Path, source: Path, backend: CommandBackend
) -> None:
    """A runner that was stopped for long comes back and makes its worktree late."""
    state = tmp_path / "state"
    payload = {"shell": "echo mine > made", "workspace": {"git": str(source), "ref": "main"}}
    wanted = request(state, "one", payload)
    assert outcome_of(backend, wanted).failure is None
    (Path(wanted.folder) / "workspace.json").unlink()
    make(wanted.folder, str(source), "main", _MACHINE)
    assert (Path(wanted.folder) / "draft/made").exists()


def test_commands_work_in_it_and_find_the_draft_there(
    tmp_path: Path, source: Path, backend: CommandBackend
) -> None:
    workspace = {"git": str(source), "ref": "main"}
    payload = {"shell": "pwd; git status --short; echo $BYDAWN_DRAFT", "workspace": workspace}
    first = request(tmp_path / "state", "one", payload)
    second = request(tmp_path / "state", "two", {**payload, "cwd": "deep"})
    assert outcome_of(backend, first).failure is None
    assert outcome_of(backend, second).failure is None
    assert output(first).split() == [f"{first.folder}/draft"] * 2
    assert output(second).split() == [f"{second.folder}/draft/deep", f"{second.folder}/draft"]


@pytest.mark.parametrize(
    ("place", "ref", "said"),
    [
        ("source", "nobody", "git rev-parse: "),
        ("source", "--help", "git rev-parse: "),
        ("nowhere", "HEAD", "is not a folder"),
        ("plain", "HEAD", "not a git repository"),
        ("file:///no/such/repository", "HEAD", "does not appear to be a git repository"),
    ],
)
def test_what_is_not_there_is_told(
    tmp_path: Path, source: Path, backend: CommandBackend, place: str, ref: str, said: str
) -> None:
    assert source.exists()
    (tmp_path / "plain").mkdir()
    where = place if ":" in place else str(tmp_path / place)
    payload = {"shell": "true", "workspace": {"git": where, "ref": ref}}
    answer = backend.launch(request(tmp_path / "state", "one", payload))
    assert isinstance(answer, LaunchRefused)
    assert answer.failure.code == "workspace"
    assert said in answer.failure.message
    is_for_good = not place.startswith("file:")
    assert (answer.failure.kind is FailureClass.PERMANENT) is is_for_good


def test_an_address_is_fetched(tmp_path: Path, source: Path) -> None:
    folder = tmp_path / "runs/one"
    make(str(folder), f"file://{source}", "main", _MACHINE)
    assert git(folder / "draft", "log", "--format=%s") == "first"
    assert git(folder / "draft", "branch", "--show-current") == "main"


def test_a_worktree_in_the_making_is_waited_for(
    tmp_path: Path, source: Path, backend: CommandBackend
) -> None:
    payload = {"shell": "true", "workspace": {"git": str(source), "ref": "HEAD"}}
    wanted = request(tmp_path / "state", "one", payload)
    Path(wanted.folder).mkdir(parents=True)
    guard = os.open(f"{wanted.folder}/workspace.guard", os.O_RDWR | os.O_CREAT)
    fcntl.flock(guard, fcntl.LOCK_EX)
    assert isinstance(backend.launch(wanted), LaunchUnclear)
    os.close(guard)
    assert outcome_of(backend, wanted).failure is None


def test_what_took_longer_than_the_lease_is_made_and_started_the_next_time(
    tmp_path: Path, source: Path, backend: CommandBackend
) -> None:
    payload = {"shell": "cat kept", "workspace": {"git": str(source), "ref": "HEAD"}}
    late = request(tmp_path / "state", "one", payload, send_by=1)
    answer = backend.launch(late)
    assert isinstance(answer, LaunchRefused)
    assert answer.failure.code == "late"
    assert is_workspace(late.folder)
    wanted = request(tmp_path / "state", "one", payload)
    assert isinstance(backend.find(wanted), Absent)
    assert outcome_of(backend, wanted).failure is None
    assert output(wanted) == "kept\n"


def test_only_what_the_run_made_is_kept_in_the_end(tmp_path: Path, source: Path) -> None:
    (source / "link").symlink_to("kept")
    git(source, "-c", "core.fsmonitor=false", "add", "--all")
    git(source, "commit", "--quiet", "-m", "link")
    draft = _made(tmp_path, source)
    (draft / "new").write_text("new")
    (draft / "deep/file").write_text("deep\n")
    folder = str(draft.parent)
    assert is_untidy(folder)
    for _ in range(2):
        tidy(folder)
        left = {str(path.relative_to(folder)) for path in draft.parent.rglob("*")}
        assert left == {"draft", "draft/new", "draft/deep", "draft/deep/file", "workspace.json"}
    assert not is_untidy(folder)
    assert is_workspace(folder)
