"""A private git worktree as a run's draft, and what is cleared away of it afterwards.

It is the worktree of a repository of its own, which borrows the objects of the one it was made from
and nothing else: no branch, setting, hook or stash of that one can be changed from here, attempts
never meet, and what is left of it goes with the run's folder. Git's own folder lies beside the
draft, so that everything said of drafts (expectations, checks, hashes, publishing) holds for it.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path

from bydawn.core.workspaces import is_address
from bydawn.processes.folder import RunFolder, make_private, open_plain, write_whole
from bydawn.processes.tools import Answered, ask

GIT = "git"
MARK = "workspace.json"
_FILES = "workspace.files"
_GUARD = "workspace.guard"
_ALTERNATES = "objects/info/alternates"
_PATIENCE_MS = 600_000
_NAME, _MAIL = "bydawn", "bydawn@localhost"
# Nothing of anybody's runs because of us, and nothing is asked of a terminal.
_QUIET = ("-c", "core.hooksPath=/dev/null", "-c", "core.fsmonitor=false")
_OWN = {
    "core.hooksPath": "/dev/null",
    "core.fsmonitor": "false",
    "gc.auto": "0",
    "maintenance.auto": "false",
    "submodule.recurse": "false",
    "fetch.recurseSubmodules": "false",
}
NO_PUSH = "published-by-bydawn-after-the-checks"


class WorkspaceError(Exception):
    """There is no worktree; ``is_for_good`` where another try would end the same."""

    def __init__(self, message: str, is_for_good: bool = False) -> None:
        super().__init__(message)
        self.is_for_good = is_for_good


class Busy(Exception):
    """Another runner is making this very worktree."""


def is_workspace(folder: str) -> bool:
    """Whether this run's draft is a worktree."""
    return os.path.exists(f"{folder}/{MARK}")


def is_untidy(folder: str) -> bool:
    """Whether there is still something of it that the repository has anyway."""
    return os.path.exists(f"{folder}/{_FILES}")


def origin_of(folder: str) -> dict[str, str]:
    """What the worktree was made from: ``git`` (a folder or an address), ``ref``, ``commit``."""
    found = RunFolder(folder).read(MARK) or {}
    return {name: str(value) for name, value in found.items()}


def borrowed(folder: str) -> list[str]:
    """The folders of objects that the worktree sees and does not have."""
    try:
        listed = Path(folder, GIT, _ALTERNATES).read_text(encoding="utf-8", errors="replace")
    except OSError:
        return []
    return [path for path in listed.splitlines() if os.path.isdir(path)]


def make(folder: str, source: str, ref: str, environment: Mapping[str, str]) -> None:
    """Check out ``ref`` of ``source`` as the draft, once; begun again after a crash.

    Raises WorkspaceError, Busy, or OSError where there is no git.
    """
    run = RunFolder(folder)
    run.make()
    with _alone(run):
        if is_workspace(folder) or run.is_claimed():
            return
        _clear(run)
        made = _Making(run, plain_git(environment))
        commit = made.fetch(source, ref) if is_remote(source) else made.borrow(source, ref)
        made.check_out(commit)
        _list_files(run)
        mark = json.dumps({"git": source, "ref": ref, "commit": commit})
        write_whole(run.file(MARK), mark.encode())


def why_no_worktree(source: str, ref: str, environment: Mapping[str, str]) -> str:
    """What keeps ``ref`` of ``source`` from being checked out, as far as can be seen from here
    and for nothing; empty when nothing does."""
    if is_remote(source):
        return ""
    words = ("git", "-C", source, "rev-parse", "--verify", "--end-of-options", f"{ref}^{{commit}}")
    try:
        answer = ask(words, Path("/"), plain_git(environment))
    except OSError as error:
        return f"git: {error.strerror}"
    return "" if answer.code == 0 else answer.complaint


def tidy(folder: str) -> None:
    """Let go of what the repository has anyway: only what the run itself changed or added stays."""
    run = RunFolder(folder)
    for name in _unchanged(run):
        with contextlib.suppress(OSError):
            os.unlink(os.path.join(run.draft, name))
    for place, _, _ in os.walk(run.draft, topdown=False):
        if place != run.draft:
            with contextlib.suppress(OSError):
                os.rmdir(place)
    shutil.rmtree(run.file(GIT), ignore_errors=True)
    for name in (f"draft/.{GIT}", _FILES, _GUARD):
        with contextlib.suppress(OSError):
            os.unlink(run.file(name))


def plain_git(environment: Mapping[str, str]) -> dict[str, str]:
    """An environment for git that speaks of no other repository and asks nobody."""
    plain = {name: value for name, value in environment.items() if not name.startswith("GIT_")}
    return {**plain, "GIT_TERMINAL_PROMPT": "0", "GIT_OPTIONAL_LOCKS": "0", "LC_ALL": "C"}


def is_remote(source: str) -> bool:
    """Whether it is an address and no folder."""
    return is_address(source) and not os.path.exists(source)


@contextlib.contextmanager
def _alone(run: RunFolder) -> Iterator[None]:
    descriptor = os.open(run.file(_GUARD), os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    except BlockingIOError:
        raise Busy from None
    finally:
        os.close(descriptor)


def _clear(run: RunFolder) -> None:
    """Half a worktree of somebody who died; nothing was started in it yet."""
    for name in (GIT, "draft"):
        shutil.rmtree(run.file(name), ignore_errors=True)
    make_private(run.draft)


class _Making:
    """The steps of making one worktree; each is a short call of git."""

    def __init__(self, run: RunFolder, environment: dict[str, str]) -> None:
        self._run = run
        self._environment = environment

    def borrow(self, source: str, ref: str) -> str:
        """Point a new repository at the objects of ``source``; the commit ``ref`` names there."""
        self._source = Path(source)
        if not self._source.is_dir():
            raise WorkspaceError(f"{source} is not a folder", is_for_good=True)
        commit = self._there("rev-parse", "--verify", "--end-of-options", f"{ref}^{{commit}}")
        common = self._there("rev-parse", "--path-format=absolute", "--git-common-dir")
        self._init("--object-format=" + self._there("rev-parse", "--show-object-format"))
        self._git_file(_ALTERNATES, f"{common}/objects\n".encode())
        with contextlib.suppress(FileNotFoundError), open(f"{common}/shallow", "rb") as shallow:
            self._git_file("shallow", shallow.read())
        self._stand_at(commit, self._told("rev-parse", "--symbolic-full-name", ref))
        for name in self._told("remote").split():
            self._name_remote(name, self._told("remote", "get-url", name))
        self._set(f"user.name={self._told('config', 'user.name') or _NAME}")
        self._set(f"user.email={self._told('config', 'user.email') or _MAIL}")
        return commit

    def fetch(self, source: str, ref: str) -> str:
        """Fetch ``ref`` from an address into a new repository; its commit."""
        self._init()
        self._name_remote("origin", source)
        self._own("fetch", "--quiet", "--no-tags", "origin", ref, is_for_good=False)
        commit = self._own("rev-parse", "--verify", "FETCH_HEAD^{commit}")
        self._stand_at(commit, "" if ref == "HEAD" else f"refs/heads/{ref}")
        return commit

    def check_out(self, commit: str) -> None:
        self._own("reset", "--quiet", "--hard", commit, is_for_good=False)

    def _init(self, *how: str) -> None:
        place = f"--separate-git-dir={self._run.file(GIT)}"
        self._checked("init", self._asked("init", "--quiet", "--template=", place, *how, "."))
        for name, value in _OWN.items():
            self._set(f"{name}={value}")

    def _stand_at(self, commit: str, branch: str) -> None:
        """On a branch of the same name, which is this worktree's own; else on no branch."""
        if branch.startswith("refs/heads/"):
            self._own("symbolic-ref", "HEAD", branch)
            self._own("update-ref", branch, commit)
        else:
            self._own("update-ref", "--no-deref", "HEAD", commit)

    def _name_remote(self, name: str, address: str) -> None:
        beside = Path(getattr(self, "_source", "/")) / address
        self._set(f"remote.{name}.url={beside if beside.exists() else address}")
        self._set(f"remote.{name}.fetch=+refs/heads/*:refs/remotes/{name}/*")
        self._set(f"remote.{name}.pushurl={NO_PUSH}")

    def _set(self, pair: str) -> None:
        name, _, value = pair.partition("=")
        self._own("config", name, value)

    def _git_file(self, name: str, data: bytes) -> None:
        path = Path(self._run.file(GIT), name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)

    def _there(self, *words: str) -> str:
        """What git says in the source; its refusal is one for good."""
        return self._checked(words[0], self._asked(*words, place=self._source))

    def _told(self, *words: str) -> str:
        """The same, or nothing where the source has no such thing."""
        answer = self._asked(*words, place=self._source)
        return answer.output.decode(errors="replace").strip() if answer.code == 0 else ""

    def _own(self, *words: str, is_for_good: bool = True) -> str:
        return self._checked(words[0], self._asked(*words), is_for_good)

    def _asked(self, *words: str, place: Path | None = None) -> Answered:
        where = place or Path(self._run.draft)
        return ask(("git", *_QUIET, *words), where, self._environment, timeout_ms=_PATIENCE_MS)

    def _checked(self, verb: str, answer: Answered, is_for_good: bool = True) -> str:
        if answer.code == 0:
            return answer.output.decode(errors="replace").strip()
        said = "its time was up" if answer.code is None else answer.complaint
        raise WorkspaceError(f"git {verb}: {said}", is_for_good and answer.code is not None)


def _list_files(run: RunFolder) -> None:
    """What was checked out, to know later what the run did not touch."""
    lines = []
    for place, folders, files in os.walk(run.draft):
        links = [name for name in folders if os.path.islink(os.path.join(place, name))]
        for name in (*files, *links):
            path = os.path.join(place, name)
            lines.append(json.dumps([os.path.relpath(path, run.draft), *_face(path)]))
    write_whole(run.file(_FILES), "\n".join(lines).encode())


def _unchanged(run: RunFolder) -> list[str]:
    try:
        with open_plain(run.file(_FILES)) as stream:
            lines = stream.read().splitlines()
    except OSError:
        return []
    listed = [json.loads(line) for line in lines]
    return [name for name, *face in listed if face == _face(os.path.join(run.draft, name))]


def _face(path: str) -> list[int]:
    """What changes with a file's content: never the same after it was written again."""
    try:
        seen = os.lstat(path)
    except OSError:
        return []
    return [seen.st_size, seen.st_mtime_ns, seen.st_ctime_ns, seen.st_ino]
