"""``--events FILE``: written while the night goes on, begun anew, and never a reason to fail."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from scene import Scene, ok, scripted

from bydawn.cli.eventsfile import EventsFile, Rotating
from bydawn.cli.faces import QuietFace
from bydawn.cli.settings import Settings
from bydawn.cli.talk import Talk
from bydawn.store import read


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


def seqs(path: Path) -> list[int]:
    return [line["seq"] for line in lines(path)]


def face_for(path: Path, largest: int = 1 << 20) -> EventsFile:
    return EventsFile(QuietFace(Talk(Settings())), path, largest)


def test_every_event_is_there_once_and_most_before_the_end(scene: Scene, tmp_path: Path) -> None:
    path = tmp_path / "night.jsonl"
    batch, face = scene.night(), face_for(path)
    face.opened(scene.store, batch, 0)
    scene.drive(batch, turned=face.turned)
    before_the_end = len(lines(path))
    face.close()
    told = read.events(scene.store.session, 0, batch.number, 1_000_000)
    assert seqs(path) == [event.seq for event in told]
    assert before_the_end > 10
    assert {line["schema"] for line in lines(path)} == {"bydawn/event/1"}


def test_an_older_file_is_kept_beside_it(scene: Scene, tmp_path: Path) -> None:
    path = tmp_path / "night.jsonl"
    path.write_text("older\n")
    (tmp_path / "night.jsonl.1").write_text("oldest\n")
    batch, face = scene.submit(scripted("one", ok())), face_for(path)
    face.opened(scene.store, batch, 0)
    face.close()
    assert lines(path)[0]["event"] == "opened"
    assert (tmp_path / "night.jsonl.1").read_text() == "older\n"
    assert (tmp_path / "night.jsonl.2").read_text() == "oldest\n"


def test_a_file_that_has_grown_makes_room(tmp_path: Path) -> None:
    rotating = Rotating(tmp_path / "e", 10)
    for number in range(40):
        rotating.write(f"line {number}")
    rotating.close()
    names = sorted(path.name for path in tmp_path.iterdir())
    assert names == ["e", *(f"e.{number}" for number in range(1, 8))]
    pieces = [tmp_path / name for name in (*reversed(names[1:]), "e")]
    kept = "".join(piece.read_text() for piece in pieces).splitlines()
    assert kept == [f"line {number}" for number in range(40)][-len(kept) :]


def test_a_file_that_cannot_be_written_fails_nothing(
    scene: Scene, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device", "night.jsonl")

    monkeypatch.setattr(Rotating, "write", full)
    batch, face = scene.night(), face_for(tmp_path / "night.jsonl")
    face.opened(scene.store, batch, 0)
    scene.drive(batch, turned=face.turned)
    face.close()
    assert face.trouble is not None
    assert face.trouble.errno == 28
    assert scene.job(batch, "article-a").state == "succeeded"


def test_hostile_names_are_inert_in_it(scene: Scene, tmp_path: Path) -> None:
    batch = scene.submit(scripted("work", ok()), names=[("work", "x\x1b[2J\n{\u202e}")])
    face = face_for(tmp_path / "e")
    face.opened(scene.store, batch, 0)
    scene.drive(batch, turned=face.turned)
    face.close()
    assert all(line.isprintable() for line in (tmp_path / "e").read_text().splitlines())
    assert lines(tmp_path / "e")[-1]["job"] == "x\x1b[2J\n{\u202e}"
