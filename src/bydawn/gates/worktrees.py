"""Publish what was done in a workspace: its commits, and what was not committed as one more.

The pushing is done from a repository of ours that borrows the worktree's objects: a setting or a
hook that the run left in its own one is never in force here.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from bydawn.core.fencing import Claim, FenceRecord
from bydawn.core.values import value
from bydawn.gates.drafts import Leaving, leaving
from bydawn.gates.gate import Guarantee, PublishError, Receipt, Steps, no_steps
from bydawn.gates.git import OURS, GitGate, message_for
from bydawn.processes.tools import Answered, ask, pouring
from bydawn.processes.worktrees import GIT, is_remote, origin_of, plain_git

_LINK_MODE = b"160000"
_TOLD = ("number", "kind", "size")
_CHUNK = 1 << 20


@value
class Made:
    """What a workspace came to: a commit, and a number that is the same for the same work."""

    commit: str
    content: str


class WorktreeGate:
    """One branch of one remote of the repository a workspace was made from."""

    guarantee = Guarantee.TRANSACTIONAL

    def __init__(
        self,
        remote: str,
        branch: str,
        folder: str,
        environment: Mapping[str, str],
        steps: Steps = no_steps,
    ) -> None:
        self._folder, self._branch, self._steps = folder, branch, steps
        self._environment = plain_git(environment)
        source = origin_of(folder).get("git", "")
        place = Path(folder if is_remote(source) else source)
        if is_remote(source) and remote == "origin":
            remote = source
        self._plain = GitGate(remote, branch, place, environment, steps)
        if not ("/" in remote or ":" in remote):
            self._plain.target = f"{place}:{remote}#{branch}"

    @property
    def target(self) -> str:
        return self._plain.target

    def look(self) -> FenceRecord | None:
        return self._plain.look()

    def adopt(self, claim: Claim) -> FenceRecord:
        return self._plain.adopt(claim)

    def publish(self, draft: Path, source: str, claim: Claim, has_history: bool = False) -> Receipt:
        """The whole worktree as its history, a folder of it as the branch's only files."""
        if os.path.normpath(source) != ".":
            return self._plain.publish(draft, source, claim, has_history)
        with self._scratch(draft) as scratch:
            made = scratch.made(claim)
            gate = GitGate(
                self._plain.address(), self._branch, scratch.place, scratch.environment, self._steps
            )
            gate.target = self.target
            return gate.bring(made.commit, made.content, claim, has_history)

    def leaving(self, draft: Path, source: str) -> Iterator[Leaving]:
        """All that the run added to the history, what it took out again included; commits that it
        was made from, and files that git ignores, are not among it."""
        if os.path.normpath(source) != ".":
            yield from leaving(draft, source)
            return
        with self._scratch(draft) as scratch:
            yield from scratch.added(origin_of(self._folder).get("commit", ""))

    @contextmanager
    def _scratch(self, draft: Path) -> Iterator[_Scratch]:
        theirs = Path(self._folder, GIT)
        with tempfile.TemporaryDirectory(prefix="bydawn-git-") as folder:
            yield _Scratch(Path(folder, "bare.git"), theirs, draft, self._environment)


class _Scratch:
    """An empty repository that sees every object of the workspace's."""

    def __init__(
        self, place: Path, theirs: Path, draft: Path, environment: Mapping[str, str]
    ) -> None:
        self.place, self._theirs, self._draft = place, theirs, draft
        mine = {"GIT_DIR": str(place), "GIT_INDEX_FILE": f"{place}/new"}
        self.environment = {**environment, **OURS, **mine}
        kind = self._theirs_says("rev-parse", "--show-object-format")
        self._git("init", "--quiet", "--bare", "--template=", f"--object-format={kind}", str(place))
        (place / "objects/info").mkdir(exist_ok=True)
        (place / "objects/info/alternates").write_text(f"{theirs}/objects\n")
        if (theirs / "shallow").exists():
            (place / "shallow").write_bytes((theirs / "shallow").read_bytes())

    def made(self, claim: Claim) -> Made:
        """The worktree's commit; what was left uncommitted becomes one more on top."""
        head, tree = self._as_it_is()
        content = hashlib.sha256(f"{head} {tree}".encode()).hexdigest()
        if tree == self._git("rev-parse", f"{head}^{{tree}}"):
            return Made(head, content)
        self._refuse_repositories(head, tree)
        message = message_for(claim).decode()
        return Made(self._git("commit-tree", tree, "-p", head, "-m", message), content)

    def added(self, since: str) -> Iterator[Leaving]:
        """Every object that is in the work and was not in a commit."""
        head, tree = self._as_it_is()
        listed = self._git("rev-list", "--objects", head, tree, "--not", *filter(None, (since,)))
        names = [line.partition(" ")[::2] for line in listed.splitlines()]
        asked = "".join(f"{number}\n" for number, _ in names).encode()
        words = ("git", "cat-file", "--batch", "--buffer")
        try:
            with pouring(words, self._theirs.parent, self.environment, asked) as stream:
                for number, name in names:
                    pieces = _object(stream)
                    yield name or f"commit {number[:12]}", pieces
                    for _ in pieces:
                        pass  # whoever has seen enough of one may still want the next
        except OSError as error:
            raise PublishError(f"git: {error.strerror}", hopeless=True) from error

    def _as_it_is(self) -> tuple[str, str]:
        """The worktree's commit, and its files as one tree, committed or not."""
        head = self._theirs_says("rev-parse", "--verify", "HEAD^{commit}")
        self._git("read-tree", head)
        self._git(f"--work-tree={self._draft}", "add", "--all", ".", folder=self._draft)
        return head, self._git("write-tree")

    def _refuse_repositories(self, head: str, tree: str) -> None:
        """A repository inside the worktree would be published as a link that leads nowhere."""
        listed = self._git("diff-tree", "-r", "-z", "--diff-filter=A", "--no-renames", head, tree)
        parts = listed.encode(errors="surrogateescape").split(b"\0")
        added = [
            name.decode(errors="replace")
            for told, name in zip(parts[::2], parts[1::2], strict=False)
            if told.split(b" ")[1] == _LINK_MODE
        ]
        if added:
            raise PublishError(
                f"{added[0]} is a git repository of its own inside the workspace", hopeless=True
            )

    def _theirs_says(self, *words: str) -> str:
        plain = {k: v for k, v in self.environment.items() if not k.startswith("GIT_")}
        answer = self._asked(("--git-dir", str(self._theirs), *words), plain, self._theirs.parent)
        return self._told(words[0], answer)

    def _git(self, *words: str, folder: Path | None = None) -> str:
        quiet = ("-c", "core.hooksPath=/dev/null", "-c", "core.fsmonitor=false")
        place = folder or self._theirs.parent
        return self._told(words[0], self._asked((*quiet, *words), self.environment, place))

    def _told(self, verb: str, answer: Answered) -> str:
        if answer.code != 0:
            said = "its time was up" if answer.code is None else answer.complaint
            raise PublishError(f"the workspace: git {verb}: {said}", hopeless=True)
        return answer.output.decode(errors="surrogateescape").strip()

    def _asked(self, words: tuple[str, ...], environment: Mapping[str, str], at: Path) -> Answered:
        try:
            return ask(("git", *words), at, environment)
        except OSError as error:
            raise PublishError(f"git: {error.strerror}", hopeless=True) from error


def _object(stream: IO[bytes]) -> Iterator[bytes]:
    """The next object of a batch: a line that ends with its size, so many bytes, a line's end."""
    told = stream.readline().split()
    if len(told) != len(_TOLD):
        raise PublishError(f"the workspace: git cat-file: {told}")
    left = int(told[2]) + 1
    while left and (piece := stream.read(min(left, _CHUNK))):
        left -= len(piece)
        yield piece
    if left:
        raise PublishError("the workspace: git cat-file ended early")
