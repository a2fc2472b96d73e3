"""The join told to a person, in every form."""

from __future__ import annotations

import csv
import io
import re
from datetime import UTC
from typing import Any
from xml.etree import ElementTree

import pytest
from scene import SERVICE_TROUBLE, Scene, ok, scripted

from bydawn.core.model import Bound
from bydawn.store.store import Batch
from bydawn.watch import exports, ways, wording
from bydawn.watch.documents import batch_document
from bydawn.watch.morning import gather_morning, morning_document
from bydawn.watch.report import gather, headline, summary
from bydawn.watch.sanitise import inert

DOLLAR = Bound(usd_micros=1_000_000)


def hostile_night(scene: Scene, name: str) -> tuple[list[str], str]:
    spec = scripted("work", {"takes_ms": 1, "ends": "exit 3"}, permanent_exit=(3,))
    batch = scene.submit(spec, names=[("work", name)])
    scene.drive(batch)
    report = gather(scene.reading(), scene.fresh(batch))
    morning = gather_morning(scene.reading(), scene.fresh(batch))
    everything = [*summary(report), *exports.text(morning, UTC), *exports.markdown(morning, UTC)]
    return everything, scene.job(batch, name).job_id


def test_the_last_thing_the_eye_meets(scene: Scene) -> None:
    batch = scene.night()
    scene.drive(batch)
    lines = summary(gather(scene.reading(), scene.fresh(batch)))
    assert [line.split()[:2] for line in lines[:2]] == [
        ["PARKED", "review"],
        ["FAILED", "link-audit-b"],
    ]
    assert lines[0].endswith("   bydawn show nightly@2026-11-19/review")
    assert lines[1].endswith("bydawn logs nightly@2026-11-19/link-audit-b")
    assert "exit 3: the script ends with exit 3 (permanent, not retried)" in lines[1]
    assert lines[2] == "2 waiting: waits for jobs before it (publish and 1 more)"
    assert lines[3].startswith("2 succeeded, 1 failed, 1 parked in ")
    assert lines[3].endswith("   $0.73 of $12.00 + 2 without a price")
    assert len(lines) == 4


def test_time_saved_is_told(scene: Scene) -> None:
    batch = scene.submit(*(scripted(f"job-{n}", ok(60_000)) for n in range(4)))
    scene.drive(batch)
    (line,) = summary(gather(scene.reading(), scene.fresh(batch)))
    assert line == "4 succeeded in 1m00s (4m00s one after another, 75 % less)"


def test_a_good_night_needs_nobody(scene: Scene) -> None:
    batch = scene.submit(scripted("one", ok(cost_usd="0.004")))
    scene.drive(batch)
    report = gather(scene.reading(), scene.fresh(batch))
    assert report.is_well
    assert headline(report) == "nightly@2026-11-19: 1 of 1 succeeded   <$0.01"


def test_the_morning_report(scene: Scene) -> None:
    batch = scene.night()
    scene.drive(batch)
    lines = exports.text(gather_morning(scene.reading(), scene.fresh(batch)), UTC)
    assert lines[0].startswith("nightly@2026-11-19: 2 of 6 succeeded, 2 need you   $0.73 of $12.00")
    assert lines[2] == "NEEDS YOU"
    told = "\n".join(lines)
    assert "link-audit-b   failed: exit 3" in told
    assert "TIME    Thu 09 Oct 08:53 to " in told
    assert "longest article-a, 10m00s" in told
    safety = "SAFETY  6 keys, 0 duplicates refused, 0 late writes fenced, 1 parked, 1 retry"
    assert safety in told
    assert "LEFT    2 waiting: waits for jobs before it" in told
    assert "NEXT    bydawn run /plans/nightly.toml --retry-failed" in told


def test_many_failures_are_counted_not_poured_out(scene: Scene) -> None:
    spec = scripted("work", {"takes_ms": 1, "ends": "exit 3"}, permanent_exit=(3,))
    batch = scene.submit(spec, names=[("work", f"work/{n}") for n in range(25)])
    scene.drive(batch)
    lines = summary(gather(scene.reading(), scene.fresh(batch)))
    assert len(lines) == 22
    assert lines[20] == "… and 5 more: bydawn jobs list nightly@2026-11-19 --state failed"


def test_a_hostile_name_is_inert_everywhere(scene: Scene) -> None:
    name = "\x1b[2J`rm -rf`|<b>\u202ex\ny"
    lines, job_id = hostile_night(scene, name)
    assert all(line.isprintable() for line in lines)
    assert any(job_id in line for line in lines), "what cannot be typed is named by its id"
    assert not any("bydawn logs nightly@2026-11-19/" in line for line in lines)


def test_markdown_cannot_be_written_into(scene: Scene) -> None:
    batch = scene.submit(
        scripted("work", {"takes_ms": 1, "ends": "exit 3"}, permanent_exit=(3,)),
        names=[("work", "<img src=x>|[a](b)")],
    )
    scene.drive(batch)
    told = "\n".join(exports.markdown(gather_morning(scene.reading(), scene.fresh(batch)), UTC))
    assert "\\<img src=x\\>\\|\\[a\\](b)" in told


FORMULAS = ["=HYPERLINK(1)", "+1", "-1+1", "@SUM(1)", "\uff1d1+1", "\t=1", "\r\n=1"]


def test_csv_has_one_row_per_job_and_no_formulas(scene: Scene) -> None:
    names = [("work", name) for name in (*FORMULAS, 'a,"b"')]
    batch = scene.submit(scripted("work", ok()), names=names)
    scene.drive(batch)
    told = exports.table_csv(batch_document(scene.reading(), batch))
    rows = list(csv.DictReader(io.StringIO(told)))
    assert len(rows) == len(names) == len(told.splitlines()) - 1
    assert rows[0]["job"] == "'=HYPERLINK(1)"
    assert all(row["job"][0] in "'\\" for row in rows[:-1]), rows
    assert rows[-1]["job"] == 'a,"b"'
    assert {row["state"] for row in rows} == {"succeeded"}


def test_junit_is_xml_and_counts_right(scene: Scene) -> None:
    batch = scene.night()
    scene.drive(batch)
    document = batch_document(scene.reading(), scene.fresh(batch))
    suite = ElementTree.fromstring(exports.junit(document).encode())[0]
    assert (suite.get("tests"), suite.get("failures"), suite.get("errors")) == ("6", "1", "3")
    assert len(suite.findall("testcase/failure")) == 1
    assert len(suite.findall("testcase/error")) == 3
    failure = suite.find("testcase[@name='link-audit-b']/failure")
    assert failure is not None
    assert failure.get("message") == "exit 3: the script ends with exit 3"


def test_junit_holds_whatever_a_run_said(scene: Scene) -> None:
    batch = scene.submit(scripted("work", ok()), names=[("work", '<&"\x00\ud7ff\ufffe]]>')])
    scene.drive(batch)
    document = batch_document(scene.reading(), scene.fresh(batch))
    (case,) = ElementTree.fromstring(exports.junit(document).encode()).iter("testcase")
    assert case.get("name") == inert('<&"\x00\ud7ff\ufffe]]>')


def test_every_reason_has_words() -> None:
    from bydawn.core.states import Reason

    for reason in Reason:
        assert wording.why(reason.value) not in ("", reason.value)


def test_a_command_fits_what_is_parked(scene: Scene) -> None:
    batch = scene.submit(scripted("one", {"takes_ms": 1, "ends": "vanish"}))
    scene.drive(batch)
    job = scene.job(batch, "one")
    answers = {"awaiting_approval": "approve", "publish_failed": "retry", "in_doubt": None}
    for reason, answer in answers.items():
        job.reason = reason
        decided = f"bydawn resolve nightly/one --as {answer} --reason"
        assert ways.next_command("nightly", job) == (
            decided if answer else "bydawn show nightly/one"
        )
        assert f"bydawn resolve nightly/one --as {answer or 'failed'} --reason" in (
            ways.decisions("nightly", job)
        )


def morning_of(scene: Scene, batch: Batch) -> tuple[str, dict[str, Any]]:
    morning = gather_morning(scene.reading(), scene.fresh(batch))
    return " ".join(" ".join(exports.text(morning, UTC)).split()), morning_document(morning)


def test_what_no_meter_told_is_called_assumed(scene: Scene) -> None:
    silent = scripted("silent", {"takes_ms": 9, "ends": "exit 3"}, bound=DOLLAR, retries=0)
    batch = scene.submit(silent, scripted("told", ok(cost_usd="0.25"), bound=DOLLAR))
    scene.drive(batch)
    text, document = morning_of(scene, batch)
    assert "this night $1.25," in text
    assert "$1.00 of it is assumed: runs that told no cost are charged their whole cap" in text
    assert document["assumed_usd"] == "1.00"


def test_nothing_is_called_assumed_where_meters_told(scene: Scene) -> None:
    batch = scene.submit(scripted("told", SERVICE_TROUBLE, ok(cost_usd="0.25")))
    scene.drive(batch)
    text, document = morning_of(scene, batch)
    assert "assumed" not in text
    assert document["assumed_usd"] == "0.00"


def test_a_good_end_beyond_its_own_cap_is_unusual(scene: Scene) -> None:
    """It ended between two looks: nothing failed, and nobody would hear of it."""
    dear = scripted("dear", ok(9, cost_usd="1.70"), bound=DOLLAR)
    trouble = {"takes_ms": 9, "ends": "exit 75"}
    silent = scripted("silent", trouble, ok(9, cost_usd="0.40"), bound=DOLLAR)
    batch = scene.submit(dear, silent, scripted("fine", ok(9, cost_usd="1.00"), bound=DOLLAR))
    scene.drive(batch)
    text, document = morning_of(scene, batch)
    assert "UNUSUAL dear $1.70, more than its own cap of $1.00 silent 1 try lost" in text
    assert document["assumed_usd"] == "1.00"
    assert document["over_own_cap"] == [{"job": "dear", "usd": "1.70", "cap_usd": "1.00"}]


def test_a_run_that_its_budget_ended_says_so(scene: Scene) -> None:
    batch = scene.submit(scripted("spends", ok()))
    job = scene.job(batch, "spends")
    job.state, job.reason, job.error_code = "failed", "budget", "budget"
    job.cost_micros = 1_700_000
    assert wording.trouble(job) == "its budget was spent, so it was ended, at $1.70"
    job.error_code, job.reason, job.cost_micros = "permanent", "permanent", None
    assert wording.trouble(job) == "permanent, not retried"


def test_who_waits_is_named(scene: Scene) -> None:
    batch = scene.submit(
        scripted("bad", {"takes_ms": 9, "ends": "exit 3"}, retries=0),
        *(scripted(name, ok(), after=("bad",)) for name in ("x", "y", "z")),
    )
    scene.drive(batch)
    assert "3 waiting: waits for jobs before it (x and 2 more)" in morning_of(scene, batch)[0]


@pytest.mark.parametrize("name", ["a b", "a;b", "$(x)", "a|b", "-x", "a'b", "日本", "a\nb"])
def test_a_command_can_be_pasted(scene: Scene, name: str) -> None:
    """One plain command, whatever the job is called; no decision is whole without a reason."""
    batch = scene.submit(
        scripted("work", {"takes_ms": 1, "ends": "vanish"}), names=[("work", name)]
    )
    scene.drive(batch)
    job = scene.job(batch, name)
    for command in (ways.next_command("nightly", job), *ways.decisions("nightly", job)):
        assert command.startswith(("bydawn show ", "bydawn logs ", "bydawn resolve "))
        assert re.fullmatch(r"[A-Za-z0-9_@/:. -]+", command)
        assert "resolve" not in command or command.endswith(" --reason")


def test_running_it_again_the_next_day_does_not_make_the_night_longer(scene: Scene) -> None:
    batch = scene.submit(scripted("one", ok(60_000)))
    scene.drive(batch)
    before = summary(gather(scene.reading(), scene.fresh(batch)))
    scene.clock.wind(86_400_000)
    scene.store.close_batch(batch.number)
    assert summary(gather(scene.reading(), scene.fresh(batch))) == before
