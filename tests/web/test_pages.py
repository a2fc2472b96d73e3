"""The pages: what they show, and what a person does with them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from scene import Scene, ok, scripted

from bydawn.app import Invocation
from bydawn.core.model import Bound
from bydawn.web.guarding import Keys, hosts_of
from bydawn.web.looking import Site
from bydawn.web.site import build
from conftest import Desk, desk_over


def test_the_first_page_shows_where_the_night_stands(desk: Desk) -> None:
    code, text = desk.get("/")
    assert code == 200
    assert desk.batch.address in text
    assert "parked" in text
    assert "<svg" in text
    assert 'hx-sse:connect="/events?after=' in text


def test_the_numbers_are_those_of_the_command_line(desk: Desk) -> None:
    document = json.loads(desk.get("/api/batches/nightly")[1])
    assert document["schema"] == "bydawn/batch/1"
    _, text = desk.get("/batches/nightly")
    for name, number in document["counts"].items():
        if number and name not in ("already_done", "queued"):
            assert f"<b>{number}</b>" in text, name
    for job in document["jobs"]:
        assert f">{job['job']}</a>" in text
    _, one = desk.get(f"/api/jobs/{document['jobs'][0]['job_id']}")
    assert json.loads(one)["job"] == document["jobs"][0]["job"]


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("?state=parked", {"review"}),
        ("?q=ARTICLE", {"article-a", "article-b"}),
        ("?tag=kind=review", {"review"}),
        ("?state=parked&q=article", set()),
        ("?state=nonsense", set()),
    ],
)
def test_jobs_are_found_by_state_tag_and_name(desk: Desk, query: str, names: set[str]) -> None:
    _, text = desk.get(f"/batches/nightly{query}")
    table = text[text.index('aria-label="Jobs"') :]
    found = {job.name for job in desk.jobs() if f">{job.name}</a>" in table}
    assert found == names


def test_many_jobs_are_turned_over(scene: Scene) -> None:
    names = [("work", f"work/{n:03}") for n in range(250)]
    batch = scene.submit(scripted("work", ok(1)), names=names)
    scene.drive(batch)
    desk = desk_over(scene, batch)
    with desk.client:
        _, first = desk.get("/batches/nightly")
        assert "work/099" in first
        assert "work/100" not in first
        _, last = desk.get("/batches/nightly?from=200")
        assert "work/249" in last
        assert "More jobs" not in last


def test_a_job_with_its_attempts_and_decisions(desk: Desk) -> None:
    job = desk.scene.job(desk.batch, "review")
    _, text = desk.get(f"/jobs/{job.job_id}")
    assert job.key in text
    assert "Attempts" in text
    assert 'name="reason"' in text
    code, where = desk.post(f"/jobs/{job.job_id}/resolve", answer="failed", reason="seen by eye")
    assert (code, where) == (303, f"/jobs/{job.job_id}?said=resolve")
    assert desk.scene.job(desk.batch, "review").state == "failed"
    assert "Decided" in desk.get(where)[1]


@pytest.mark.parametrize("form", [{"answer": "failed"}, {"answer": "x", "reason": "y"}, {}])
def test_a_decision_needs_an_answer_and_a_reason(desk: Desk, form: dict[str, str]) -> None:
    job = desk.scene.job(desk.batch, "review")
    assert desk.post(f"/jobs/{job.job_id}/resolve", **form)[0] == 404
    assert desk.scene.job(desk.batch, "review").state == "parked"


def test_a_failed_job_goes_again(desk: Desk) -> None:
    failed = next(job for job in desk.jobs() if job.state == "failed")
    code, where = desk.post(f"/jobs/{failed.job_id}/retry")
    assert (code, where.endswith("said=retry")) == (303, True)
    assert desk.scene.job(desk.batch, failed.name).state == "queued"


def test_pausing_cancelling_and_stopping(scene: Scene) -> None:
    batch = scene.submit(scripted("one", ok(60_000)))
    desk = desk_over(scene, batch)
    with desk.client:
        assert desk.post("/batches/nightly/pause")[1] == "/batches/nightly?said=pause"
        assert scene.fresh(batch).paused
        assert "Go on" in desk.get("/batches/nightly")[1]
        assert desk.post("/batches/nightly/unpause")[1] == "/batches/nightly?said=unpause"
        assert desk.post("/batches/nightly/unpause")[1] == "/batches/nightly?said=nothing"
        assert desk.post("/stop")[1] == "/?said=stop"
        assert "Everything is stopped" in desk.get("/batches")[1]
        assert desk.post("/stop/clear")[1] == "/?said=clear"
        assert desk.post("/batches/nightly/cancel")[1] == "/batches/nightly?said=cancel"
        assert scene.job(batch, "one").state == "cancelled"


def test_the_cost_adds_up(desk: Desk) -> None:
    for by in ("job", "model", "backend", "plan", "day", "tag:kind"):
        code, text = desk.get(f"/cost?days=36500&by={by}")
        assert (code, "$0.73 in all" in text) == (200, True), by
    assert desk.get("/cost?by=nonsense")[0] == 404


def test_a_place_without_a_store_gets_no_store(tmp_path: Path) -> None:
    from starlette.testclient import TestClient

    keys = Keys(hosts_of("127.0.0.1", 8377))
    site = build(Site(Invocation(tmp_path), keys))
    with TestClient(site, base_url="http://127.0.0.1:8377") as client:
        answer = client.get("/", headers={"authorization": f"Bearer {keys.token}"})
    assert answer.status_code == 404
    assert "there is no store here yet" in answer.text
    assert list(tmp_path.iterdir()) == []


def test_in_the_morning_the_badge_still_says_who_waits(scene: Scene) -> None:
    """Parked jobs stay with a person however many nights pass; failed ones until the next night."""
    for day in (18, 19):
        scene.drive(scene.submit(
            scripted("review", {"takes_ms": 1_000, "ends": "vanish"}),
            scripted("bad", {"takes_ms": 1_000, "ends": "error 400"}, retries=0),
            edition=f"2026-11-{day}",
        ))  # fmt: skip
    desk = desk_over(scene, scene.store.batches()[0])
    with desk.client:
        _, text = desk.get("/parked")
        assert '<span class="badge">3</span>' in text
        assert [text.count(f">{name}</a>") for name in ("review", "bad")] == [2, 1]


def test_a_batch_is_shown_among_its_nights(scene: Scene) -> None:
    for day in range(1, 18):
        batch = scene.submit(scripted("one", ok(cost_usd="0.50")), edition=f"2026-11-{day:02}")
        scene.drive(batch)
    desk = desk_over(scene, batch)
    with desk.client:
        _, text = desk.get("/")
        assert "Last 14 nights" in text
        assert "14 of 14 all well" in text
        assert 'aria-label="nightly@2026-11-04: 1 succeeded, $0.50"' in text
        assert "nightly@2026-11-03" not in text
        # Seen from an earlier night, later ones have not happened yet.
        _, earlier = desk.get("/batches/nightly@2026-11-10")
        assert "Last 10 nights" in earlier
        assert "nightly@2026-11-11" not in earlier


def test_what_spends_and_when_it_must_end_are_shown(scene: Scene) -> None:
    deadline_at = 4_000_000_000_000  # by the real clock, which the dashboard reads
    batch = scene.submit(
        scripted("one", ok(3_600_000)), bound=Bound(usd_micros=5_000_000, tokens=1_000_000),
        deadline_at=deadline_at,
    )  # fmt: skip
    desk = desk_over(scene, batch)
    with desk.client:
        _, text = desk.get("/")
    for said in ("$0.00 of $5.00", "0 of 1.00M", "Deadline"):
        assert said in text, said


def test_a_log_is_inert_and_only_a_running_one_follows(desk: Desk) -> None:
    job = desk.scene.job(desk.batch, "article-a")
    folder = desk.scene.folder / ".bydawn/runs" / job.job_id / "1.1"
    folder.mkdir(parents=True)
    (folder / "output.log").write_text("begun\n<script>\x1b[2J</script>\n")
    code, pane = desk.get(f"/jobs/{job.job_id}/log")
    assert code == 200
    assert "<pre>begun\n&lt;script&gt;" in pane
    assert "\x1b" not in pane
    assert "hx-get" not in pane
    assert pane in desk.get(f"/jobs/{job.job_id}")[1]
