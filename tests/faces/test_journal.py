"""The journal for programs."""

from __future__ import annotations

import re
import shlex

from scene import SERVICE_TROUBLE, Scene, ok, scripted

from bydawn.store import read
from bydawn.watch.feed import Feed, newest
from bydawn.watch.journal import event_document, is_end_of_run, logfmt

FIELDS = [
    "schema", "seq", "ts", "event", "batch", "job", "job_id", "key", "from", "to", "reason",
    "token", "attempt", "trace_id", "span_id", "runner", "detail",
]  # fmt: skip


def fields(line: str) -> dict[str, str]:
    return dict(part.split("=", 1) for part in shlex.split(line))


def test_each_event_is_told_once_and_in_order(scene: Scene) -> None:
    batch = scene.night()
    feed = Feed(scene.store)
    told = []
    scene.drive(batch, turned=lambda: told.extend(feed.fresh()))
    told += feed.fresh()
    assert told == read.events(scene.store.session, 0, 0, 1_000_000)
    assert {"opened", "intended", "judged", "succeeded", "vanished"} <= {one.kind for one in told}


def test_events_are_objects(scene: Scene) -> None:
    batch = scene.night()
    scene.drive(batch)
    documents = [event_document(event) for event in Feed(scene.store, batch.number).fresh()]
    assert {tuple(one) for one in documents} == {tuple(FIELDS)}
    assert {one["schema"] for one in documents} == {"bydawn/event/1"}
    assert documents[0]["event"] == "opened"
    assert documents[0]["job"] is None
    judged = next(
        one for one in documents if one["job"] == "link-audit-b" and one["to"] == "failed"
    )
    assert (judged["reason"], judged["detail"]["code"]) == ("permanent", "exit_3")


def test_following_starts_after_what_is_there(scene: Scene) -> None:
    assert newest(scene.store) == 0
    batch = scene.night()
    for hours in (0.01, 24):
        scene.drive(batch, hours)
        events = read.events(scene.store.session, 0, 0, 1_000_000)
        assert newest(scene.store) == events[-1].seq
    assert list(Feed(scene.store, after=newest(scene.store)).fresh()) == []


def test_one_line_for_each_run_that_ended(scene: Scene) -> None:
    batch = scene.night()
    scene.drive(batch)
    events = Feed(scene.store, batch.number).fresh()
    lines = [logfmt(scene.store, event) for event in events if is_end_of_run(event)]
    told = {
        (fields(line)["job"], fields(line)["attempt"], fields(line)["status"]) for line in lines
    }
    assert len(lines) == len(told)
    assert told == {
        ("article-a", "1", "succeeded"), ("article-b", "1", "retry"),
        ("article-b", "2", "succeeded"), ("link-audit-b", "1", "failed"),
        ("review", "1", "parked"),
    }  # fmt: skip


def test_a_line_says_what_a_night_is_made_of(scene: Scene) -> None:
    batch = scene.submit(
        scripted("one", ok(1_500, usage={"input_tokens": 40, "output_tokens": 2}, cost_usd="0.5"))
    )
    scene.drive(batch)
    (line,) = (logfmt(scene.store, e) for e in Feed(scene.store).fresh() if is_end_of_run(e))
    assert re.match(r"ts=\S+Z key=[0-9a-f]{64} status=succeeded elapsed=1\.500 units=42 ", line)
    assert fields(line)["cost_usd"] == "0.50"
    job = scene.store.session.row("SELECT key, token FROM job")
    assert job is not None
    assert (fields(line)["trace_id"], fields(line)["token"]) == (job[0][:32], str(job[1]))


def test_a_hostile_name_stays_one_value_of_one_line(scene: Scene) -> None:
    name = 'x" status=succeeded\nfake\x1b[2J='
    spec = scripted("work", {"takes_ms": 1, "ends": "exit 3"}, permanent_exit=(3,))
    batch = scene.submit(spec, names=[("work", name)])
    scene.drive(batch)
    (line,) = (logfmt(scene.store, e) for e in Feed(scene.store).fresh() if is_end_of_run(e))
    assert line.isprintable()
    assert fields(line)["status"] == "failed"
    assert 'x" status=succeeded' in fields(line)["job"]


def test_a_cancelled_job_that_never_ran_ends_no_run(scene: Scene) -> None:
    batch = scene.submit(scripted("one", SERVICE_TROUBLE))
    scene.store.cancel(scene.job(batch, "one").number, scene.chance.nonce)
    assert not any(map(is_end_of_run, Feed(scene.store).fresh()))


def test_detail_survives_the_way(scene: Scene) -> None:
    batch = scene.submit(scripted("one", {"takes_ms": 1, "ends": "vanish"}))
    scene.drive(batch)
    job = scene.job(batch, "one")
    scene.store.resolve(job.number, "failed", "seen in the log: 記事", scene.chance.nonce)
    *_, last = Feed(scene.store).fresh()
    assert event_document(last)["detail"] == {"reason": "seen in the log: 記事"}
