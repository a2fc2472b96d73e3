"""Files: the contract, and what is special about them."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest
from gate_contract import RecordContract, Stand, claim

from bydawn.core.errors import Fenced
from bydawn.core.fencing import Claim
from bydawn.gates.beside import FOLDER
from bydawn.gates.files import FileGate
from bydawn.gates.gate import Guarantee, PublishError, Steps, no_steps


class FileStand:
    points = ("read", "held", "compared", "copied", "installed", "applied", "noted")

    def __init__(self, folder: Path) -> None:
        self.target = folder / "public" / "index.html"
        self.drafts = folder / "drafts"
        self.drafts.mkdir()
        self._record = self.target.parent / FOLDER / "index.html.json"

    def gate(self, steps: Steps = no_steps) -> FileGate:
        return FileGate(self.target, steps=steps)

    def write(
        self, claim: Claim, content: str, steps: Steps = no_steps, has_history: bool = False
    ) -> bool:
        name = f"{claim.token}.{abs(hash(content))}"
        (self.drafts / name).write_text(content)
        return self.gate(steps).publish(self.drafts, name, claim, has_history).written

    def read(self) -> str | None:
        return self.target.read_text() if self.target.exists() else None

    def everything(self) -> object:
        record = self._record.read_bytes() if self._record.exists() else None
        found = self.target.stat()
        return self.target.read_bytes(), found.st_mtime_ns, found.st_ino, record

    def was_outrun(self, error: PublishError) -> bool:
        del error
        return False

    def damage(self) -> None:
        self._record.write_text(self._record.read_text().replace('"token": 1', '"token": 0'))

    def forget(self) -> None:
        self._record.unlink()


class TestFiles(RecordContract):
    rounds = 100

    @pytest.fixture
    def stand(self, tmp_path: Path) -> Stand:
        return FileStand(tmp_path)


@pytest.fixture
def stand(tmp_path: Path) -> FileStand:
    return FileStand(tmp_path)


def test_it_says_what_it_is_worth(stand: FileStand) -> None:
    assert stand.gate().guarantee is Guarantee.FENCED


def test_the_same_content_is_not_written_again(stand: FileStand) -> None:
    stand.write(claim(1), "one")
    before = stand.target.stat()
    assert not stand.write(claim(2), "one")
    after = stand.target.stat()
    assert (before.st_ino, before.st_mtime_ns) == (after.st_ino, after.st_mtime_ns)
    with pytest.raises(Fenced):
        stand.write(claim(1), "late")


def test_a_persons_edit_survives_a_successor_that_has_nothing_new(stand: FileStand) -> None:
    stand.write(claim(1, effect_key="e"), "one")
    stand.target.write_text("mended by hand")
    assert not stand.write(claim(2, effect_key="e"), "one")
    assert stand.read() == "mended by hand"


def test_the_mode_of_the_file_stays(stand: FileStand) -> None:
    stand.write(claim(1), "one")
    assert stand.target.stat().st_mode & 0o777 == 0o644
    stand.target.chmod(0o640)
    stand.write(claim(2), "two")
    assert stand.target.stat().st_mode & 0o777 == 0o640


def test_a_holder_that_stays_is_named_and_not_pushed_aside(stand: FileStand) -> None:
    def keep(point: str) -> None:
        if point == "held":
            with pytest.raises(PublishError, match=f"process {os.getpid()}.* lease:site-a"):
                FileGate(stand.target, patience_ms=60).publish(stand.drafts, "d", claim(9))

    (stand.drafts / "d").write_text("nine")
    stand.write(claim(1), "one", keep)
    assert stand.read() == "one"


def test_a_draft_that_leads_out_of_itself_is_refused(stand: FileStand, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("s")
    (stand.drafts / "link").symlink_to(tmp_path / "secret")
    for source in ("link", "../secret", str(tmp_path / "secret"), "none"):
        with pytest.raises(PublishError) as told:
            stand.gate().publish(stand.drafts, source, claim(1))
        assert told.value.hopeless
    assert stand.read() is None


def test_a_draft_that_changes_while_it_is_read_is_not_published(stand: FileStand) -> None:
    stand.write(claim(1), "one")
    (stand.drafts / "d").write_text("two")

    def meddle(point: str) -> None:
        if point == "compared":
            (stand.drafts / "d").write_text("2!!")

    with pytest.raises(PublishError, match="changed while"):
        stand.gate(meddle).publish(stand.drafts, "d", claim(2))
    assert stand.read() == "one"


def test_names_too_long_for_an_ending_have_a_record_too(tmp_path: Path) -> None:
    (tmp_path / "d").write_text("x")
    target = tmp_path / "out" / ("n" * 250)
    FileGate(target).publish(tmp_path, "d", claim(2))
    with pytest.raises(Fenced):
        FileGate(target).publish(tmp_path, "d", claim(1))


@pytest.mark.prove
def test_a_gate_costs_little_beyond_what_it_flushes(
    stand: FileStand, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "fsync", lambda _: None)
    stand.write(claim(1), "one")
    times, efforts = [], []
    for token in range(2, 42):
        began, spent = time.perf_counter(), time.process_time()
        stand.write(claim(token), f"content {token}")
        times.append(time.perf_counter() - began)
        efforts.append(time.process_time() - spent)
    # A rename over a file makes some disks flush on their own account, so the best one counts.
    assert min(times) < 0.005
    assert sorted(efforts)[len(efforts) // 2] < 0.005
