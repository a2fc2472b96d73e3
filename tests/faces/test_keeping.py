"""Logs and drafts age out; what proves that something was started or done never does."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from scene import Scene, ok, scripted

from bydawn.app.beforehand.room import FLOOR, floor_of, look_for_room
from bydawn.app.keeping.ageing import Ageing, age_now_and_then
from bydawn.app.place import Place
from bydawn.app.values import Silent
from bydawn.core.audit import Flaw
from bydawn.core.errors import NoRoom, StoreUnavailable, UsageError
from bydawn.core.model import Job
from bydawn.processes.folder import RunFolder
from bydawn.store.store import Batch
from bydawn.watch.audit import verify

DAY = 86_400_000


class Notes(Silent):
    def __init__(self) -> None:
        self.said: list[str] = []

    def note(self, text: str) -> None:
        self.said.append(text)


def place_of(scene: Scene) -> Place:
    return Place(scene.folder / ".bydawn", scene.path)


def left_behind(scene: Scene, job: Job, run: str = "1.1") -> Path:
    """A run folder as a supervisor leaves it, as old as the clock says."""
    folder = scene.folder / ".bydawn/runs" / job.job_id / run
    (folder / "draft/deep").mkdir(parents=True)
    (folder / "check-1").mkdir()
    for name in ("claim", "end.json", "report.jsonl", "output.log", "draft/deep/page"):
        (folder / name).write_text(name * 1000)
    moment = scene.clock.utc_ms() / 1000
    os.utime(folder.parent, (moment, moment))
    return folder


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def night(scene: Scene, **terms: int) -> Batch:
    specs = (
        scripted("good", ok()),
        scripted("bad", {"takes_ms": 1, "ends": "exit 3"}, permanent_exit=(3,)),
        scripted("lost", {"takes_ms": 1, "ends": "vanish"}),
        scripted("waits", ok(), after=("bad",)),
    )
    batch = scene.submit(*specs, **terms)
    scene.drive(batch)
    return scene.fresh(batch)


def prune(scene: Scene, keep_ms: int | None = None, is_rehearsal: bool = False) -> dict[str, int]:
    return Ageing(place_of(scene), scene.store, keep_ms, is_rehearsal).carry_out().plans


def test_old_logs_and_drafts_go_and_the_claim_stays(scene: Scene) -> None:
    batch = night(scene)
    folder = left_behind(scene, scene.job(batch, "good"))
    scene.clock.wind(89 * DAY)
    assert prune(scene) == {}
    scene.clock.wind(2 * DAY)
    assert prune(scene, is_rehearsal=True) == {"nightly": 1}
    assert (folder / "output.log").exists()
    assert prune(scene) == {"nightly": 1}
    assert names(folder) == {"claim", "end.json"}
    assert RunFolder(str(folder)).is_claimed()
    assert prune(scene) == {}


def test_the_journal_stays_whole_with_every_detail(scene: Scene) -> None:
    batch = night(scene)
    left_behind(scene, scene.job(batch, "bad"))
    session = scene.store.session
    before = list(session.rows("SELECT * FROM event ORDER BY seq"))
    scene.clock.wind(4_000 * DAY)
    assert prune(scene) == {"nightly": 1}
    assert list(session.rows("SELECT * FROM event ORDER BY seq")) == before
    found = verify(scene.store, [])
    assert {fault.flaw for fault in found.faults} == {Flaw.UNSEALED}, "a scene has no key"
    spoil = "UPDATE event SET detail = NULL WHERE detail LIKE '%exit_3%'"
    assert session.transact(lambda: session.change(spoil)) == 1
    assert Flaw.CHANGED in {fault.flaw for fault in verify(scene.store, []).faults}


def test_each_plan_keeps_as_long_as_it_says(scene: Scene) -> None:
    batch = night(scene, keep_ms=7 * DAY)
    left_behind(scene, scene.job(batch, "good"))
    scene.clock.wind(8 * DAY)
    assert prune(scene) == {"nightly": 1}


def test_what_is_too_young_for_every_plan_costs_no_question(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A night of thousands of runs once asked the store about each of them as it ended."""
    batch = night(scene, keep_ms=7 * DAY)
    left_behind(scene, scene.job(batch, "good"))
    asked: list[str] = []
    monkeypatch.setattr("bydawn.store.keeping.job_with_id", lambda _, job: asked.append(job))
    scene.clock.wind(7 * DAY - 1)
    prune(scene)
    assert asked == []
    scene.clock.wind(2)
    prune(scene)
    assert len(asked) == 1


def test_parked_and_open_jobs_are_never_touched(scene: Scene) -> None:
    batch = night(scene)
    kept = [left_behind(scene, scene.job(batch, name)) for name in ("lost", "waits")]
    scene.clock.wind(400 * DAY)
    assert prune(scene, keep_ms=0) == {}
    assert all("output.log" in names(folder) for folder in kept)


def test_a_draft_that_others_wait_for_stays_until_the_batch_is_joined(scene: Scene) -> None:
    batch = night(scene)
    left_behind(scene, scene.job(batch, "bad"))
    scene.clock.wind(100 * DAY)
    scene.store.retry(scene.job(batch, "good").number, scene.chance.nonce)
    assert prune(scene) == {}, "the batch is open again"
    scene.store.cancel(scene.job(batch, "good").number, scene.chance.nonce)
    scene.store.close_batch(batch.number)
    assert prune(scene) == {}
    scene.clock.wind(91 * DAY)
    assert prune(scene) == {"nightly": 1}


def test_what_still_has_a_supervisor_stays(scene: Scene) -> None:
    batch = night(scene)
    folder = left_behind(scene, scene.job(batch, "good"))
    (folder / "claim").unlink()
    claim = RunFolder(str(folder)).claim({"pid": 1})
    assert claim is not None
    scene.clock.wind(100 * DAY)
    assert prune(scene) == {}
    os.close(claim)
    assert prune(scene) == {"nightly": 1}


def test_a_newer_run_than_the_store_spoke_of_stays(scene: Scene) -> None:
    batch = night(scene)
    old = left_behind(scene, scene.job(batch, "good"))
    newer = left_behind(scene, scene.job(batch, "good"), "1.2")
    scene.clock.wind(100 * DAY)
    assert prune(scene) == {"nightly": 1}
    assert names(old) == {"claim", "end.json"}
    assert "output.log" in names(newer)


def test_what_no_store_knows_is_left_alone(scene: Scene) -> None:
    night(scene)
    strange = scene.folder / ".bydawn/runs/j_0123456789ab/1.1"
    strange.mkdir(parents=True)
    (strange / "output.log").write_text("x")
    outside = scene.folder / "outside"
    outside.mkdir()
    (outside / "precious").write_text("x")
    (scene.folder / ".bydawn/runs/j_ba9876543210").symlink_to(outside)
    assert prune(scene, keep_ms=0) == {}
    assert (strange / "output.log").exists()
    assert (outside / "precious").exists()


def test_links_and_read_only_folders_in_a_draft(scene: Scene) -> None:
    batch = night(scene)
    folder = left_behind(scene, scene.job(batch, "good"))
    precious = scene.folder / "precious"
    precious.mkdir()
    (precious / "file").write_text("x")
    (folder / "draft/link").symlink_to(precious)
    (folder / "draft/deep").chmod(0o500)
    assert prune(scene, keep_ms=0) == {"nightly": 1}
    assert (precious / "file").exists()
    assert precious.stat().st_mode & 0o700 == 0o700
    assert not (folder / "draft").exists()


def test_it_happens_by_itself_now_and_then(scene: Scene) -> None:
    batch = night(scene)
    folder = left_behind(scene, scene.job(batch, "good"))
    scene.clock.wind(100 * DAY)
    stamp = scene.folder / ".bydawn/aged"
    for aged_at, is_done in ((scene.clock.utc_ms() - 1000, False), (0, True)):
        stamp.touch()
        os.utime(stamp, (aged_at / 1000, aged_at / 1000))
        age_now_and_then(place_of(scene), scene.store)
        assert ("output.log" not in names(folder)) is is_done


def test_a_store_that_is_busy_then_is_no_reason_to_fail(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    def busy(*_: object) -> None:
        raise StoreUnavailable("the store is busy")

    batch = night(scene)
    folder = left_behind(scene, scene.job(batch, "good"))
    scene.clock.wind(100 * DAY)
    monkeypatch.setattr("bydawn.store.keeping.job_with_id", busy)
    age_now_and_then(place_of(scene), scene.store)
    assert "output.log" in names(folder)


def test_a_full_disk_is_refused_before_the_night(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bydawn.app.beforehand.room.room_at", lambda _: (50_000_000, 1 << 20))
    with pytest.raises(NoRoom, match="50 MB free, too little"):
        look_for_room(scene.folder, {}, Silent())
    look_for_room(scene.folder, {FLOOR: "10MB"}, Silent())


def test_a_disk_without_files_left_is_full_too(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bydawn.app.beforehand.room.room_at", lambda _: (1 << 40, 3))
    with pytest.raises(NoRoom, match="room for 3 files"):
        look_for_room(scene.folder, {}, Silent())


def test_a_scarce_disk_is_worth_a_word(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bydawn.app.beforehand.room.room_at", lambda _: (300_000_000, 1 << 20))
    notes = Notes()
    look_for_room(scene.folder, {}, notes)
    assert "only 300 MB free; bydawn db prune makes room" in notes.said[0]


def test_this_very_disk_has_room(tmp_path: Path) -> None:
    look_for_room(tmp_path / "not/yet/there", {FLOOR: "1"}, Silent())


@pytest.mark.parametrize("said", ["lots", "-1", "1.5GB", "1e9"])
def test_a_floor_that_is_none(said: str) -> None:
    with pytest.raises(UsageError, match=FLOOR):
        floor_of({FLOOR: said})


def test_floors_as_people_write_them() -> None:
    said = {"": 100_000_000, "0": 0, "500MB": 500_000_000, "2 gb": 2_000_000_000, "7B": 7}
    assert {text: floor_of({FLOOR: text}) for text in said} == said
