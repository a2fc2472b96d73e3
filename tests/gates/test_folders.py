"""Whole folders behind a link: the contract, and what readers see."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from gate_contract import RecordContract, Stand, claim

from bydawn.core.fencing import Claim
from bydawn.gates.beside import FOLDER
from bydawn.gates.folders import FolderGate
from bydawn.gates.gate import PublishError, Steps, no_steps


class FolderStand:
    points = ("read", "held", "compared", "copied", "installed", "applied", "noted")

    def __init__(self, folder: Path) -> None:
        self.target = folder / "srv" / "site"
        self.drafts = folder / "drafts"
        self._record = self.target.parent / FOLDER / "site.json"

    def gate(self, steps: Steps = no_steps) -> FolderGate:
        return FolderGate(self.target, steps=steps)

    def draft(self, claim: Claim, content: str) -> Path:
        """Two files that belong together, one of them deep down."""
        draft = self.drafts / f"{claim.token}.{abs(hash(content))}"
        (draft / "deep" / "down").mkdir(parents=True, exist_ok=True)
        (draft / "index").write_text(content)
        (draft / "deep" / "down" / "index").write_text(content)
        return draft

    def write(
        self, claim: Claim, content: str, steps: Steps = no_steps, has_history: bool = False
    ) -> bool:
        draft = self.draft(claim, content)
        return self.gate(steps).publish(draft, ".", claim, has_history).written

    def read(self) -> str | None:
        """Both files through one open folder: a reader that entered a tree stays in it."""
        try:
            inside = os.open(self.target, os.O_RDONLY | os.O_DIRECTORY)
        except FileNotFoundError:
            return None
        try:
            found = [_read(inside, name) for name in ("index", "deep/down/index")]
        finally:
            os.close(inside)
        return found[0] if found[0] == found[1] else f"half: {found[0][:20]} {found[1][:20]}"

    def everything(self) -> object:
        record = self._record.read_bytes() if self._record.exists() else None
        return os.readlink(self.target), self.read(), record

    def was_outrun(self, error: PublishError) -> bool:
        del error
        return False

    def damage(self) -> None:
        self._record.write_bytes(self._record.read_bytes()[:-20])

    def forget(self) -> None:
        self._record.unlink()


def _read(inside: int, name: str) -> str:
    with os.fdopen(os.open(name, os.O_RDONLY, dir_fd=inside)) as file:
        return file.read()


class TestFolders(RecordContract):
    # Two more versions while a reader is inside one would take it away from under its feet.
    rounds = 1

    @pytest.fixture
    def stand(self, tmp_path: Path) -> Stand:
        return FolderStand(tmp_path)


@pytest.fixture
def stand(tmp_path: Path) -> FolderStand:
    return FolderStand(tmp_path)


def test_a_reader_inside_the_old_tree_keeps_it_until_the_next_but_one(stand: FolderStand) -> None:
    stand.write(claim(1), "one")
    inside = os.open(stand.target, os.O_RDONLY | os.O_DIRECTORY)
    stand.write(claim(2), "two")
    assert _read(inside, "deep/down/index") == "one"
    assert stand.read() == "two"
    stand.write(claim(3), "three")
    with pytest.raises(FileNotFoundError):
        _read(inside, "index")
    os.close(inside)


def test_what_is_gone_from_the_draft_is_gone_from_the_folder(stand: FolderStand) -> None:
    stand.write(claim(1), "one")
    draft = stand.draft(claim(2), "two")
    (draft / "index").unlink()
    (draft / "run.sh").write_text("#!/bin/sh\n")
    (draft / "run.sh").chmod(0o755)
    stand.gate().publish(draft, ".", claim(2))
    assert sorted(path.name for path in stand.target.iterdir()) == ["deep", "run.sh"]
    assert os.access(stand.target / "run.sh", os.X_OK)


def test_a_real_folder_in_its_place_is_not_moved_away(stand: FolderStand) -> None:
    stand.target.mkdir(parents=True)
    (stand.target / "mine").write_text("m")
    with pytest.raises(PublishError, match="move it away once") as told:
        stand.write(claim(1), "one")
    assert told.value.hopeless
    assert (stand.target / "mine").read_text() == "m"


def test_links_in_a_draft_are_refused(stand: FolderStand) -> None:
    draft = stand.draft(claim(1), "one")
    (draft / "deep" / "out").symlink_to("/etc")
    with pytest.raises(PublishError, match="neither a file nor a folder"):
        stand.gate().publish(draft, ".", claim(1))
    assert stand.read() is None


def test_trees_do_not_pile_up(stand: FolderStand) -> None:
    for token in range(1, 8):
        stand.write(claim(token), f"version {token}")
    trees = stand.target.parent / FOLDER / "site.trees"
    assert len(list(trees.iterdir())) == 2
