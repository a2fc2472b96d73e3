"""A git remote, played: one repository that others push to, and git's own words for it.

The gate is the product's own; only the program it asks is replaced. What counts is kept: objects
are named by their content, a repository has only what it made or fetched, and a push with leases
moves all its references or none.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from bydawn.core.fencing import decoded
from bydawn.processes.tools import Answered
from bydawn.testing.witness import Effect, Troubled

_LEASE = "--force-with-lease="
_FENCE = "refs/bydawn/fence/"
_HEAD = "refs/heads/"
_GONE = Answered(128, b"", b"the remote hung up")
_SILENT = Answered(None, b"", b"")


@dataclass(slots=True)
class Local:
    """A repository that was made to push from: the objects it has, and its index as a tree."""

    has: set[str] = field(default_factory=set)
    index: str = ""


@dataclass(slots=True)
class Move:
    """What one push asks for: each reference's new value, and what it must be before."""

    to: dict[str, str]
    expected: dict[str, str]
    run: str


@dataclass(slots=True)
class Origin:
    """The remote. ``lost`` are the commits that a branch no longer contains."""

    name: str
    around: Troubled
    met: Counter[str] = field(default_factory=Counter)
    objects: dict[str, bytes] = field(default_factory=dict)
    references: dict[str, str] = field(default_factory=dict)
    lost: list[str] = field(default_factory=list)
    _locals: dict[str, Local] = field(default_factory=dict)

    def ask(
        self, words: Sequence[str], folder: Path, environment: Mapping[str, str], given: bytes,
        run: str,
    ) -> Answered:  # fmt: skip
        """What git says to these words, in the repository that the environment names."""
        local = self._locals.setdefault(environment.get("GIT_DIR", str(folder)), Local())
        plain = [word for word in words if not word.startswith("--work-tree=")]
        verb, rest = plain[0], plain[1:]
        if verb == "push":
            return self._push(rest, run)
        if verb in ("ls-remote", "fetch") and self.around.fails():
            return _GONE
        if verb == "add":
            local.index = self._kept(local, _content(folder))
            return _said("")
        answer: Callable[[Local, list[str], bytes], Answered] = getattr(
            self, "_" + verb.replace("-", "_")
        )
        return answer(local, rest, given)

    def _remote(self, _: Local, __: list[str], ___: bytes) -> Answered:
        return Answered(2, b"", b"no such remote")

    def _init(self, _: Local, __: list[str], ___: bytes) -> Answered:
        return _said("")

    def _ls_remote(self, _: Local, words: list[str], __: bytes) -> Answered:
        there = [name for name in words[1:] if name in self.references]
        return _said("".join(f"{self.references[name]}\t{name}\n" for name in there))

    def _fetch(self, local: Local, words: list[str], _: bytes) -> Answered:
        sha = self.references[words[-1]]
        local.has |= {sha, self._tree_of(sha)}
        return _said("")

    def _cat_file(self, local: Local, words: list[str], _: bytes) -> Answered:
        sha = words[-1]
        return Answered(0, self.objects[sha], b"") if sha in local.has else _GONE

    def _rev_parse(self, local: Local, words: list[str], _: bytes) -> Answered:
        sha = words[-1].removesuffix("^{tree}")
        return _said(self._tree_of(sha)) if sha in local.has else _GONE

    def _mktree(self, local: Local, _: list[str], given: bytes) -> Answered:
        return _said(self._kept(local, given))

    def _write_tree(self, local: Local, _: list[str], __: bytes) -> Answered:
        return _said(local.index)

    def _commit_tree(self, local: Local, words: list[str], given: bytes) -> Answered:
        parents = "".join(f"parent {sha}\n" for sha in words[1:] if sha != "-p")
        return _said(self._kept(local, f"tree {words[0]}\n{parents}\n".encode() + given))

    def _kept(self, local: Local, content: bytes) -> str:
        sha = hashlib.sha1(content, usedforsecurity=False).hexdigest()
        self.objects[sha] = content
        local.has.add(sha)
        return sha

    def _tree_of(self, commit: str) -> str:
        return self.objects[commit].partition(b"\n")[0].decode().removeprefix("tree ")

    def _push(self, words: list[str], run: str) -> Answered:
        if self.around.fails():
            return _GONE
        move = _move(words, run)
        if self.around.delays(lambda: _forgotten(self._moved(move))):
            return _SILENT
        is_moved = self._moved(move)
        if self.around.loses_answer():
            return _SILENT
        return _said("") if is_moved else Answered(1, b"", b"stale info")

    def _moved(self, move: Move) -> bool:
        """All of its references, or none: the compare and the swap are one step."""
        if any(self.references.get(name, "") != sha for name, sha in move.expected.items()):
            self.met["git:stale push"] += 1
            return False
        before = dict(self.references)
        self.references.update(move.to)
        for name, sha in move.to.items():
            if name.startswith(_HEAD) and before.get(name) != sha:
                self._show(name.removeprefix(_HEAD), before.get(name), sha, move.run)
        return True

    def _show(self, branch: str, before: str | None, sha: str, run: str) -> None:
        record = self.objects[self.references[_FENCE + branch]].partition(b"\n\n")[2]
        claim = decoded(record).claim
        self.around.effects.append(Effect(f"{self.name}#{branch}", run, claim))
        if before is not None and not self._contains(sha, before):
            self.lost.append(before)

    def _contains(self, sha: str, wanted: str) -> bool:
        lines = self.objects[sha].partition(b"\n\n")[0].decode().splitlines()
        parents = [line.removeprefix("parent ") for line in lines if line.startswith("parent ")]
        return wanted in parents or any(self._contains(one, wanted) for one in parents)


def _move(words: list[str], run: str) -> Move:
    leases = [word.removeprefix(_LEASE) for word in words if word.startswith(_LEASE)]
    moves = [word for word in words if not word.startswith("-")][1:]
    expected = {name: sha for name, _, sha in (lease.rpartition(":") for lease in leases)}
    return Move({name: sha for sha, _, name in (m.partition(":") for m in moves)}, expected, run)


def _content(folder: Path) -> bytes:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return b"".join(f"{path.relative_to(folder)}\0".encode() + path.read_bytes() for path in files)


def _said(text: str) -> Answered:
    return Answered(0, text.encode(), b"")


def _forgotten(_: bool) -> None:
    """Nobody waits for it any more."""
