"""The JSON objects: exactly the promised fields, counts that add up, reasons as of now."""

from __future__ import annotations

import re
from typing import Any

import pytest
from scene import HOUR, Scene, ok, scripted

from bydawn.core.model import Bound, Publication
from bydawn.core.states import Reason
from bydawn.store import read
from bydawn.watch.documents import (
    Ending,
    batch_document,
    batches_document,
    done_before,
    job_document,
    jobs_document,
    results,
)

INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
MONEY = re.compile(r"\d+\.\d{2,6}")

JOB = [
    "job_id", "batch", "job", "key", "revision", "generation", "state", "reason", "exit_code",
    "attempts", "token", "backend", "guarantee", "remote_id", "runner", "machine", "started_at",
    "ended_at", "elapsed_s", "usage", "cost_usd", "prices", "tags", "result", "published", "error",
]  # fmt: skip
BATCH = [
    "batch", "plan", "edition", "state", "outcome", "exit_code", "reasons", "counts", "wall_s",
    "serial_s", "usage", "cost", "duplicates_refused", "fenced_writes", "audit_head",
]  # fmt: skip
COST = ["usd", "wasted_usd", "reserved_usd", "unknown_price_jobs", "prices"]
COUNTS = ["queued", "running", "succeeded", "failed", "cancelled", "parked", "already_done"]
STATES = set(COUNTS) - {"already_done"}
REASONS = {reason.value for reason in Reason} | {None}


def check_job(one: dict[str, Any]) -> None:
    """Every field of a job object is there and of its kind."""
    assert list(one) == JOB
    assert one["state"] in STATES
    assert one["reason"] in REASONS
    assert re.fullmatch(r"j_[0-9a-f]{12}", one["job_id"])
    assert one["key"].startswith(one["job_id"][2:])
    for name in ("started_at", "ended_at"):
        assert one[name] is None or INSTANT.fullmatch(one[name])
    assert one["cost_usd"] is None or MONEY.fullmatch(one["cost_usd"])
    assert one["elapsed_s"] is None or isinstance(one["elapsed_s"], float)
    assert one["error"] is None or list(one["error"]) == ["class", "code", "message"]
    assert isinstance(one["usage"], dict)
    assert isinstance(one["tags"], dict)


def test_a_batch_has_every_promised_field(scene: Scene) -> None:
    batch = scene.night()
    scene.drive(batch)
    document = batch_document(scene.reading(), scene.fresh(batch))
    assert list(document) == ["schema", *BATCH, "jobs"]
    assert document["schema"] == "bydawn/batch/1"
    assert list(document["counts"]) == COUNTS
    assert list(document["cost"]) == COST
    for job in document["jobs"]:
        check_job(job)


def test_a_night_with_trouble(scene: Scene) -> None:
    batch = scene.night()
    scene.drive(batch)
    document = batch_document(scene.reading(), scene.fresh(batch))
    assert (document["batch"], document["plan"], document["edition"]) == (
        "nightly@2026-11-19", "nightly", "2026-11-19",
    )  # fmt: skip
    assert (document["state"], document["outcome"], document["exit_code"]) == (
        "finished", "parked", 8,
    )  # fmt: skip
    assert document["reasons"] == ["parked", "failed"]
    assert document["counts"] == {
        "queued": 2, "running": 0, "succeeded": 2, "failed": 1, "cancelled": 0, "parked": 1,
        "already_done": 0,
    }  # fmt: skip
    assert document["cost"]["usd"] == "0.73"
    assert document["usage"] == {"input_tokens": 380_000, "output_tokens": 8_000}
    assert document["serial_s"] == 600.0 + 300.0 + 125.0


def test_each_job_says_how_it_stands(scene: Scene) -> None:
    batch = scene.night()
    scene.drive(batch)
    jobs = {one["job"]: one for one in batch_document(scene.reading(), batch)["jobs"]}
    assert list(jobs) == ["article-a", "article-b", "link-audit-b", "review", "publish", "digest"]
    good, twice, failed, lost = (jobs[name] for name in list(jobs)[:4])
    assert (good["result"], good["elapsed_s"], good["cost_usd"]) == ({"words": 900}, 600.0, "0.61")
    assert (good["exit_code"], good["guarantee"], good["machine"]) == (0, "keyed", "m_1")
    assert (twice["attempts"], twice["generation"], twice["error"]) == (2, 2, None)
    assert (failed["state"], failed["reason"], failed["exit_code"]) == ("failed", "permanent", 3)
    assert failed["error"]["code"] == "exit_3"
    assert failed["cost_usd"] is None, "a price nobody told is unknown, never nothing"
    assert (lost["state"], lost["reason"]) == ("parked", "lost")
    assert (jobs["publish"]["reason"], jobs["publish"]["cost_usd"]) == ("dependency", "0.00")


def test_counts_are_those_of_the_jobs_at_every_moment(scene: Scene) -> None:
    batch = scene.night()
    seen = set()

    def look() -> None:
        document = batch_document(scene.reading(batch), scene.fresh(batch))
        counts = dict(document["counts"])
        assert counts.pop("already_done") == 0
        assert sum(counts.values()) == len(document["jobs"])
        for state, number in counts.items():
            assert number == sum(job["state"] == state for job in document["jobs"])
        seen.add(tuple(counts.values()))

    scene.drive(batch, turned=look)
    assert len(seen) > 3


def test_running_jobs_have_no_end_yet(scene: Scene) -> None:
    batch = scene.submit(scripted("long", ok(HOUR)))
    scene.drive(batch, hours=0.5)
    document = batch_document(scene.reading(batch), batch)
    (job,) = document["jobs"]
    assert (job["state"], job["exit_code"], job["ended_at"], job["elapsed_s"]) == (
        "running", None, None, None,
    )  # fmt: skip
    assert (document["state"], document["outcome"], document["exit_code"]) == (
        "running", None, None,
    )  # fmt: skip
    assert document["wall_s"] == pytest.approx(1800, abs=60)


def test_a_batch_nobody_serves_is_interrupted(scene: Scene) -> None:
    batch = scene.submit(scripted("long", ok(HOUR)))
    scene.drive(batch, hours=0.5)
    assert batch_document(scene.reading(), batch)["state"] == "interrupted"


def test_a_paused_batch_says_so_and_so_do_its_jobs(scene: Scene) -> None:
    batch = scene.submit(scripted("one", ok()), scripted("two", ok(), after=("one",)))
    scene.store.pause(batch.number, True)
    document = batch_document(scene.reading(), scene.fresh(batch))
    assert document["state"] == "paused"
    assert [job["reason"] for job in document["jobs"]] == ["paused", "dependency"]


def test_what_the_deadline_overtook_says_so(scene: Scene) -> None:
    late = scene.clock.utc_ms() + 1_000
    batch = scene.submit(scripted("one", ok()), deadline_at=late)
    assert batch_document(scene.reading(), batch)["jobs"][0]["reason"] is None
    scene.clock.wind(1_000)
    document = batch_document(scene.reading(), batch)
    assert document["jobs"][0]["reason"] == "deadline"
    assert (document["outcome"], document["exit_code"]) == ("deadline", 4)


def test_a_changed_plan_marks_what_was_done_before(scene: Scene) -> None:
    batch = scene.submit(scripted("one", ok()), scripted("two", ok()))
    scene.drive(batch)
    scene.submit(scripted("one", ok(5_000)), scripted("two", ok()))
    document = batch_document(scene.reading(), scene.fresh(batch))
    assert [job["reason"] for job in document["jobs"]] == ["changed", None]
    assert {job["state"] for job in document["jobs"]} == {"succeeded"}


def test_a_run_tells_what_was_done_before_it(scene: Scene) -> None:
    batch = scene.submit(scripted("one", ok()))
    scene.drive(batch)
    scene.submit(scripted("one", ok()), scripted("two", ok()))
    before = done_before(scene.store, batch)
    scene.drive(batch)
    reading = scene.reading()
    told = type(reading)(reading.store, reading.now, before=before)
    ending = Ending(0, "succeeded", (), already_done=1)
    document = batch_document(told, scene.fresh(batch), ending)
    assert document["counts"]["already_done"] == 1
    assert [job["reason"] for job in document["jobs"]] == ["already_done", None]


def test_how_a_run_ended_is_its_own_word(scene: Scene) -> None:
    batch = scene.submit(scripted("one", ok(HOUR)))
    document = batch_document(scene.reading(), batch, Ending(130, "interrupted", ()))
    assert (document["exit_code"], document["outcome"]) == (130, None)


def test_receipts_are_shown_the_newest_for_each_target(scene: Scene) -> None:
    page = Publication("a.html", "file", "/site/a.html")
    batch = scene.submit(scripted("page", ok(), publish=(page,)))
    job = scene.job(batch, "page")
    for revision, sha in ((1, "aa"), (2, "bb")):
        scene.store.session.change(
            "INSERT INTO receipt (job, revision, target, sha256, token, at) "
            "VALUES (?, ?, ?, ?, 1, ?)",
            (job.number, revision, page.target, sha, revision),
        )
    published = job_document(scene.reading(), job)["published"]
    assert published == [{"target": "/site/a.html", "sha256": "bb"}]


def test_a_job_declared_costless_costs_nothing(scene: Scene) -> None:
    batch = scene.submit(scripted("free", ok(), bound=Bound(usd_micros=0)))
    scene.drive(batch)
    assert job_document(scene.reading(), scene.job(batch, "free"))["cost_usd"] == "0.00"


def test_a_cost_that_is_wholly_unknown_is_null(scene: Scene) -> None:
    batch = scene.submit(scripted("one", ok()))
    scene.drive(batch)
    cost = batch_document(scene.reading(), batch)["cost"]
    assert (cost["usd"], cost["unknown_price_jobs"]) == (None, 1)


def test_one_job_and_many(scene: Scene) -> None:
    first = scene.submit(scripted("one", ok()), plan="first")
    second = scene.submit(scripted("two", ok()), plan="second", edition="")
    reading = scene.reading()
    document = job_document(reading, scene.job(first, "one"))
    assert document.pop("schema") == "bydawn/job/1"
    check_job(document)
    jobs = [scene.job(second, "two"), scene.job(first, "one")]
    many = jobs_document(reading, jobs)
    assert list(many) == ["schema", "jobs"]
    assert [job["batch"] for job in many["jobs"]] == ["second", "first@2026-11-19"]
    assert many["jobs"][1] == document


def test_recent_batches_never_load_their_jobs(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    batch = scene.night()
    scene.drive(batch)
    whole = batch_document(scene.reading(), scene.fresh(batch))
    monkeypatch.setattr(read, "jobs", None)
    document = batches_document(scene.reading(), [scene.fresh(batch)])
    assert document["schema"] == "bydawn/batches/1"
    (summary,) = document["batches"]
    assert list(summary) == BATCH
    assert summary == {name: whole[name] for name in BATCH}


def test_results_are_in_input_order(scene: Scene) -> None:
    batch = scene.submit(scripted("slow", ok(9_000, result=1)), scripted("fast", ok(result=[None])))
    scene.drive(batch)
    found = list(results(read.jobs(scene.store.session, batch.number)))
    assert [(one["job"], one["result"]) for one in found] == [("slow", 1), ("fast", [None])]
