"""Publish to a git branch: the branch and its fence record move in one atomic push, or neither.

The record is the message of a commit at ``refs/bydawn/fence/BRANCH`` on the remote. The push names
the value that both references had when they were read (``--force-with-lease``), so whoever comes
second is refused by the remote itself, reads again and learns that it was fenced.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from bydawn.core.fencing import (
    Claim,
    Damaged,
    FenceRecord,
    admit,
    asks_for_a_person,
    decoded,
    encoded,
    is_done,
)
from bydawn.core.values import value
from bydawn.gates.drafts import tree_digest
from bydawn.gates.gate import Guarantee, PublishError, Receipt, Steps, no_steps
from bydawn.processes.tools import Answered, Program, ask

_ROUNDS = 8
_EMPTY_TREE = b""
_SECRET = re.compile(r"(?<=://)[^/@\s]+@")
OURS = {
    "GIT_AUTHOR_NAME": "bydawn",
    "GIT_AUTHOR_EMAIL": "bydawn@localhost",
    "GIT_COMMITTER_NAME": "bydawn",
    "GIT_COMMITTER_EMAIL": "bydawn@localhost",
    "GIT_TERMINAL_PROMPT": "0",
    "LC_ALL": "C",
}


@value
class Standing:
    """What the remote holds: the branch's commit and the fence's; empty where there is none."""

    branch: str
    fence: str


class Moved(PublishError):
    """The remote went on between two of our questions: ask again."""


class GitGate:
    """One branch of one remote, seen from a repository that has, or will have, the objects."""

    guarantee = Guarantee.TRANSACTIONAL

    def __init__(
        self,
        remote: str,
        branch: str,
        repository: Path,
        environment: Mapping[str, str],
        steps: Steps = no_steps,
        program: Program = ask,
    ) -> None:
        self._remote, self._repository = remote, repository
        self._branch = f"refs/heads/{branch}"
        self._fence = f"refs/bydawn/fence/{branch}"
        self._environment = {**environment, **OURS}
        self._steps, self._program = steps, program
        self.target = f"{_SECRET.sub('', remote)}#{branch}"

    def push(self, revision: str, claim: Claim, has_history: bool = False) -> Receipt:
        """Bring a commit of this repository to the branch; it must contain what is there."""
        commit = self._git("rev-parse", "--verify", f"{revision}^{{commit}}").strip()

        def same(standing: Standing) -> str:
            self._refuse_unrelated(commit, standing)
            return commit

        return self._move(same, commit, claim, has_history)

    def bring(self, commit: str, content: str, claim: Claim, has_history: bool) -> Receipt:
        """Bring a commit to the branch, on top of what this gate brought there before."""
        return self._move(lambda standing: self._joined(commit, standing, claim), content, claim,
                          has_history)  # fmt: skip

    def publish(self, draft: Path, source: str, claim: Claim, has_history: bool = False) -> Receipt:
        """Make the branch's files those of the folder ``source`` of the draft, in one commit."""
        folder = draft / source
        try:
            digest = tree_digest(folder)
        except OSError as error:
            raise PublishError(f"{source}: {error.strerror}", hopeless=True) from error
        with self._scratch() as there:

            def grown(standing: Standing) -> str:
                return there._grown(folder, standing, claim)

            return there._move(grown, digest, claim, has_history)

    def look(self) -> FenceRecord | None:
        with self._scratch() as there:
            return there._record(there._standing())

    def adopt(self, claim: Claim) -> FenceRecord:
        with self._scratch() as there:
            standing = there._standing()
            record = FenceRecord(claim, "", applied=True, receipt=standing.branch)
            fence = there._fence_commit(record)
            answer = there._push(standing, [f"{fence}:{self._fence}"])
        if answer.code != 0:
            raise PublishError(self._failed("push", answer))
        return record

    def _move(
        self, commit_for: Callable[[Standing], str], content: str, claim: Claim, has_history: bool
    ) -> Receipt:
        """Try until nobody came in between. A push that failed may have been carried out: the next
        round reads what stands there and knows."""
        trouble = PublishError(self.target)
        for _ in range(_ROUNDS):
            try:
                return self._moved(commit_for, content, claim, has_history)
            except Moved as error:
                trouble = error
        raise trouble

    def _moved(
        self, commit_for: Callable[[Standing], str], content: str, claim: Claim, has_history: bool
    ) -> Receipt:
        standing = self._standing()
        seen = self._believed(standing)
        admit(seen, claim, self.target, has_history)
        self._steps("compared")
        if _stands(seen, claim, content):
            return Receipt(self.target, content, written=False, proof=standing.branch)
        commit = commit_for(standing)
        record = FenceRecord(claim, content, applied=True, receipt=commit)
        fence = self._fence_commit(record)
        self._steps("prepared")
        answer = self._push(standing, [f"{commit}:{self._branch}", f"{fence}:{self._fence}"])
        self._steps("pushed")
        if answer.code != 0:
            # Where nothing moved nobody was faster: the remote has its own reasons.
            kind = PublishError if self._standing() == standing else Moved
            raise kind(self._failed("push", answer))
        return Receipt(self.target, content, commit != standing.branch, proof=commit)

    def _standing(self) -> Standing:
        listed = self._git("ls-remote", self._remote, self._branch, self._fence)
        found = {name: sha for sha, _, name in (x.partition("\t") for x in listed.splitlines())}
        return Standing(found.get(self._branch, ""), found.get(self._fence, ""))

    def _believed(self, standing: Standing) -> FenceRecord | None:
        try:
            return self._record(standing)
        except Damaged as error:
            raise asks_for_a_person(
                self.target, f"its fence record is damaged ({error})"
            ) from error

    def _record(self, standing: Standing) -> FenceRecord | None:
        if not standing.fence:
            return None
        self._fetch(self._fence)
        answer = self._ask("cat-file", "commit", standing.fence)
        if answer.code != 0:
            raise Moved(f"{self.target}: its fence moved while it was being read")
        return decoded(answer.output.partition(b"\n\n")[2])

    def _fence_commit(self, record: FenceRecord) -> str:
        tree = self._git("mktree", given=_EMPTY_TREE).strip()
        return self._git("commit-tree", tree, given=encoded(record).encode()).strip()

    def _push(self, standing: Standing, moves: list[str]) -> Answered:
        return self._ask(
            "push", "--quiet", "--atomic",
            f"--force-with-lease={self._branch}:{standing.branch}",
            f"--force-with-lease={self._fence}:{standing.fence}",
            self._remote, *moves,
        )  # fmt: skip

    def _refuse_unrelated(self, commit: str, standing: Standing) -> None:
        """The lease would let us overwrite; what others brought to the branch stays in it."""
        if not standing.branch:
            return
        self._fetch(self._branch)
        related = self._ask("merge-base", "--is-ancestor", standing.branch, commit).code
        if related not in (0, 1):
            raise Moved(f"{self.target}: moved while it was being read")
        if related == 1:
            raise PublishError(
                f"{self.target}: has commits that {commit[:12]} does not contain;"
                " pull and merge them first",
                hopeless=True,
            )

    def _joined(self, commit: str, standing: Standing, claim: Claim) -> str:
        """A commit that contains what is there, with exactly the files of ``commit``: those were
        checked, a mixture of both never was. Only what we brought there ourselves is replaced."""
        branch = standing.branch
        if not branch:
            return commit
        self._fetch(self._branch)
        if self._ask("merge-base", "--is-ancestor", branch, commit).code == 0:
            return commit
        record = self._record(standing)
        if record is None or record.receipt != branch:
            raise PublishError(
                f"{self.target}: somebody else brought {branch[:12]} there, which the workspace"
                " was not made from; merge it into what it is made from, and retry",
                hopeless=True,
            )
        both = ("-p", branch, "-p", commit)
        tree = f"{commit}^{{tree}}"
        return self._git("commit-tree", tree, *both, given=message_for(claim)).strip()

    def _grown(self, folder: Path, standing: Standing, claim: Claim) -> str:
        """A commit on top of the branch, with exactly the folder's files."""
        self._git(f"--work-tree={folder}", "add", "--all", "--force", ".", folder=folder)
        tree = self._git("write-tree").strip()
        if not standing.branch:
            return self._git("commit-tree", tree, given=message_for(claim)).strip()
        self._fetch(self._branch, "--depth=1")
        there = self._ask("rev-parse", "--verify", f"{standing.branch}^{{tree}}")
        if there.code != 0:
            raise Moved(f"{self.target}: moved while it was being read")
        if there.output.decode().strip() == tree:
            return standing.branch
        onto = ("-p", standing.branch)
        return self._git("commit-tree", tree, *onto, given=message_for(claim)).strip()

    @contextmanager
    def _scratch(self) -> Iterator[GitGate]:
        """The same gate from an empty repository, so that nobody's own one is touched."""
        remote = self.address()
        with tempfile.TemporaryDirectory(prefix="bydawn-git-") as folder:
            path = Path(folder, "bare.git")
            self._git("init", "--quiet", "--bare", str(path))
            # What a hook's environment says of its own repository is not meant for this one.
            plain = {k: v for k, v in self._environment.items() if not k.startswith("GIT_")}
            environment = {**plain, **OURS, "GIT_DIR": str(path), "GIT_INDEX_FILE": f"{path}/new"}
            branch = self._branch.removeprefix("refs/heads/")
            scratch = GitGate(remote, branch, path, environment, self._steps, self._program)
            scratch.target = self.target
            yield scratch

    def address(self) -> str:
        """Where a remote's name leads; a path is meant from the repository's folder."""
        answer = self._ask("remote", "get-url", "--push", self._remote)
        if answer.code == 0:
            return self._absolute(answer.output.decode().strip())
        return self._absolute(self._remote)

    def _absolute(self, address: str) -> str:
        beside = self._repository / address
        return str(beside) if beside.exists() else address

    def _fetch(self, reference: str, *how: str) -> None:
        self._git("fetch", "--quiet", "--no-tags", "--no-write-fetch-head", *how, self._remote,
                  reference)  # fmt: skip

    def _git(self, *words: str, given: bytes = b"", folder: Path | None = None) -> str:
        answer = self._ask(*words, given=given, folder=folder)
        if answer.code != 0:
            raise PublishError(self._failed(words[0], answer))
        return answer.output.decode(errors="replace")

    def _ask(self, *words: str, given: bytes = b"", folder: Path | None = None) -> Answered:
        try:
            where = folder or self._repository
            return self._program(("git", *words), where, self._environment, given)
        except OSError as error:
            raise PublishError(f"git: {error.strerror}", hopeless=True) from error

    def _failed(self, verb: str, answer: Answered) -> str:
        said = "its time was up" if answer.code is None else answer.complaint
        return f"{self.target}: git {verb}: {_SECRET.sub('', said)}"


def _stands(seen: FenceRecord | None, claim: Claim, content: str) -> bool:
    """Also after a push whose answer was lost: the record is ours, to the letter."""
    if is_done(seen, claim, content):
        return True
    return seen is not None and seen.applied and seen.claim == claim and seen.sha256 == content


def message_for(claim: Claim) -> bytes:
    """What a commit of ours says."""
    edition = f" {claim.edition}" if claim.edition else ""
    effect = f"\n\nEffect: {claim.effect_key}" if claim.effect_key else ""
    return f"{claim.subject}{edition}{effect}\n".encode()
