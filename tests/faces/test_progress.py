"""What is shown while a batch runs."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from scene import HOUR, SERVICE_TROUBLE, Scene, ok, scripted

from bydawn.cli.faces import JsonFace, PlainFace
from bydawn.cli.settings import Settings
from bydawn.cli.talk import Talk
from bydawn.core.errors import StoreUnavailable
from bydawn.core.model import Limits
from bydawn.watch.documents import counts_of, standing_of
from bydawn.watch.follow import Following
from bydawn.watch.progress import KEPT, summary_line


def plain(capsys: pytest.CaptureFixture[str]) -> tuple[PlainFace, Callable[[], str]]:
    face = PlainFace(Talk(Settings()))
    return face, lambda: capsys.readouterr().err


def test_the_board_keeps_in_step_with_the_store(scene: Scene) -> None:
    batch = scene.night()
    following = Following(scene.store, batch)

    def look() -> None:
        following.news()
        assert following.board.counts == counts_of(standing_of(scene.reading(), batch))

    scene.drive(batch, turned=look)
    assert following.board.counts["succeeded"] == 2


def test_a_board_that_comes_late_sees_what_is_there(scene: Scene) -> None:
    batch = scene.night()
    scene.drive(batch, hours=0.04)
    late = Following(scene.store, batch)
    frame = late.frame(scene.clock.utc_ms(), 10)
    assert [row.state for row in frame.rows][:2] == ["failed", "parked"]
    assert {row.name for row in frame.rows if row.state == "running"} == {"article-a", "article-b"}


def test_what_needs_a_person_comes_first_and_what_is_done_last(scene: Scene) -> None:
    batch = scene.night()
    following = Following(scene.store, batch)
    scene.drive(batch)
    following.news()
    states = [row.state for row in following.frame(scene.clock.utc_ms(), 10).rows]
    assert states[:2] == ["parked", "failed"]
    assert states[-2:] == ["succeeded", "succeeded"]
    assert [row.name for row in following.frame(0, 1).rows] == ["review"]


def test_what_is_next_is_shown_however_many_wait(scene: Scene) -> None:
    """In the order of the plan; what was tried before it, and no room is left empty."""
    first, *rest = [f"job-{n:03}" for n in range(KEPT * 3)]
    specs = [scripted(first, SERVICE_TROUBLE, ok()), *(scripted(name, ok()) for name in rest)]
    batch = scene.submit(*specs, parallel=KEPT)
    following = Following(scene.store, batch)
    seen = set[str]()

    def look() -> None:
        following.news()
        rows = following.frame(scene.clock.utc_ms(), 500).rows
        waiting = [row.name for row in rows if row.state == "queued" and row.name != first]
        assert waiting == sorted(waiting)
        here = [row for row in rows if row.state == "queued"]
        if first in [row.name for row in here]:
            seen.add(here[0].name)
        assert len(waiting) >= min(KEPT, following.board.counts["queued"]) - 1

    look()
    scene.drive(batch, turned=look)
    assert first in seen


def test_a_withdrawn_job_no_longer_counts(scene: Scene) -> None:
    batch = scene.submit(scripted("one", ok()), scripted("two", ok()))
    following = Following(scene.store, batch)
    scene.submit(scripted("one", ok()))
    following.news()
    assert following.board.total == 1


def test_plain_lines_tell_the_night(scene: Scene, capsys: pytest.CaptureFixture[str]) -> None:
    batch = scene.submit(
        scripted("article", SERVICE_TROUBLE, ok(60_000, cost_usd="1.38",
                 usage={"input_tokens": 1_000_000, "output_tokens": 40_000})),
        scripted("audit", {"takes_ms": 125_000, "ends": "exit 3"}, permanent_exit=(3,)),
    )  # fmt: skip
    face, said = plain(capsys)
    face.opened(scene.store, batch, 0)
    scene.drive(batch, turned=face.turned)
    face.close()
    lines = [line for line in said().splitlines() if "done:" not in line]
    assert lines[0] == "08:53:20 nightly@2026-11-19: 2 jobs"
    assert sorted(lines[1:3]) == ["08:53:20 article started", "08:53:20 audit started"]
    assert lines[3].startswith(
        "08:54:20 article attempt 1 ended: 503: the script ends with error 503 "
        "(tries again after a pause), next in "
    )
    assert lines[4].endswith(" article started, attempt 2")
    told = sorted(lines[5:])
    assert any(line.endswith("article succeeded in 1m00s, 1.04M tokens, $1.38") for line in told)
    assert any(
        line == "08:55:25 audit FAILED exit 3: the script ends with exit 3 (permanent, not retried)"
        for line in told
    )
    assert len(lines) == 7


def test_a_stall_is_told_before_it_ends_a_run(
    scene: Scene, capsys: pytest.CaptureFixture[str]
) -> None:
    limits = Limits(timeout_ms=2 * HOUR, stall_ms=600_000)
    batch = scene.submit(scripted("audit", {"ends": "hang"}, limits=limits, retries=0))
    face, said = plain(capsys)
    face.opened(scene.store, batch, 0)
    seen: set[str] = set()

    def turned() -> None:
        face.turned()
        frame = Following(scene.store, batch).frame(scene.clock.utc_ms(), 5)
        seen.update(row.note for row in frame.rows if row.state == "running")

    scene.drive(batch, turned=turned)
    face.close()
    assert "audit stalled 5m00s, is ended at 10m00s" in said()
    assert any(note.startswith("stalled 9m") for note in seen)
    assert not any(note.startswith("stalled 4m") for note in seen)


def test_silence_lasts_a_minute_at_most(scene: Scene, capsys: pytest.CaptureFixture[str]) -> None:
    batch = scene.submit(scripted("long", ok(HOUR)))
    face, said = plain(capsys)
    face.opened(scene.store, batch, 0)
    scene.drive(batch, turned=face.turned)
    summaries = [line for line in said().splitlines() if line.endswith("0/1 done: 1 running")]
    assert 50 <= len(summaries) <= 60


def test_a_large_batch_tells_only_its_troubles(
    scene: Scene, capsys: pytest.CaptureFixture[str]
) -> None:
    names = [("work", f"work/{n}") for n in range(250)]
    bad = scripted("bad", {"takes_ms": 1, "ends": "exit 3"}, permanent_exit=(3,))
    batch = scene.submit(scripted("work", ok(0)), bad, names=[*names, ("bad", "bad")])
    face, said = plain(capsys)
    face.opened(scene.store, batch, 0)
    scene.drive(batch, turned=face.turned)
    face.close()
    lines = [line for line in said().splitlines() if "done:" not in line]
    assert len(lines) == 2
    assert "bad FAILED exit 3" in lines[1]


def test_people_are_told_what_people_did(scene: Scene, capsys: pytest.CaptureFixture[str]) -> None:
    batch = scene.submit(scripted("one", ok()), scripted("two", {"takes_ms": 1, "ends": "vanish"}))
    face, said = plain(capsys)
    face.opened(scene.store, batch, 0)
    scene.store.pause(batch.number, True)
    scene.store.pause(batch.number, False)
    scene.store.cancel(scene.job(batch, "one").number, scene.chance.nonce)
    scene.drive(batch)
    scene.store.resolve(scene.job(batch, "two").number, "retry", "seen", scene.chance.nonce)
    face.close()
    told = [line[9:] for line in said().splitlines()]
    assert told[1:4] == ["paused: nothing new is started", "goes on", "one cancelled"]
    assert told[-2].startswith("two PARKED ")
    assert told[-1] == "two goes again, as a person asked"


def test_json_progress_is_one_event_a_line(
    scene: Scene, capsys: pytest.CaptureFixture[str]
) -> None:
    import json

    batch = scene.submit(scripted("one", ok()))
    face = JsonFace(Talk(Settings()))
    face.opened(scene.store, batch, 0)
    scene.drive(batch, turned=face.turned)
    face.close()
    events = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    assert {event["schema"] for event in events} == {"bydawn/event/1"}
    assert [event["event"] for event in events][-1] == "succeeded"


def test_a_summary() -> None:
    assert summary_line({"succeeded": 3, "running": 1}) == "3/4 done: 3 succeeded  1 running"


def test_a_store_too_busy_to_look_at_ends_no_run(
    scene: Scene, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    batch = scene.submit(scripted("one", ok()))
    face, said = plain(capsys)
    face.opened(scene.store, batch, 0)
    with monkeypatch.context() as patch:
        patch.setattr(Following, "news", busy)
        face.turned()
    scene.drive(batch, turned=face.turned)
    face.close()
    assert "one succeeded in 1.0s" in said()


def busy(_: Following) -> None:
    raise StoreUnavailable("the store is busy")
