"""Verbs over a store that is there: answers, mistakes, exit codes."""

from __future__ import annotations

import json
import stat
from pathlib import Path
from typing import Any

import pytest
from scene import HOUR, Scene, ok, scripted

from bydawn.cli import status as status_module
from bydawn.store.store import Batch
from saying import Say


@pytest.fixture
def night(scene: Scene) -> Batch:
    batch = scene.night()
    scene.drive(batch)
    return scene.fresh(batch)


def answer(ran: tuple[int, str, str]) -> Any:
    """The one document on stdout of a command that went well."""
    code, out, _ = ran
    assert code == 0
    (line,) = out.splitlines()
    return json.loads(line)


# Readers


def test_status_lists_batches(say: Say, night: Batch) -> None:
    code, out, _ = say("status")
    assert code == 0
    assert out.splitlines()[0].split() == [
        "BATCH", "OPENED", "TOOK", "OK", "FAILED", "LEFT", "USD", "STATE",
    ]  # fmt: skip
    assert out.splitlines()[1].split()[-5:] == ["2", "1", "3", "0.73", "parked"]
    document = answer(say("status", "--json"))
    assert document["schema"] == "bydawn/batches/1"
    assert [one["batch"] for one in document["batches"]] == [night.address]


def test_status_of_a_place_without_a_store_makes_none(say: Say, tmp_path: Path) -> None:
    code, out, _ = say("status")
    assert (code, out) == (0, "no batches yet: bydawn run PLAN\n")
    assert answer(say("status", "--json")) == {"schema": "bydawn/batches/1", "batches": []}
    assert answer(say("jobs", "list", "--json")) == {"schema": "bydawn/jobs/1", "jobs": []}
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("address", ["nightly", "nightly@2026-11-19"])
@pytest.mark.usefixtures("night")
def test_status_of_one_batch(say: Say, address: str) -> None:
    document = answer(say("status", address, "--json"))
    assert (document["schema"], document["exit_code"]) == ("bydawn/batch/1", 8)
    code, out, _ = say("status", address)
    assert code == 0
    assert out.startswith("PARKED review")


def test_status_of_a_batch_under_way_shows_its_rows(say: Say, scene: Scene) -> None:
    batch = scene.submit(scripted("long", ok(HOUR)), scripted("next", ok(), after=("long",)))
    scene.drive(batch, hours=0.5)
    code, out, _ = say("status", "nightly")
    assert code == 0
    assert out.startswith("nightly@2026-11-19: interrupted\n")
    assert "> long" in out
    assert ". next" in out


def test_show_and_jobs_get_are_the_same_job(say: Say, night: Batch, scene: Scene) -> None:
    job_id = scene.job(night, "article-b").job_id
    by_name = answer(say("show", "nightly/article-b", "--json"))
    by_id = answer(say("jobs", "get", job_id, "--json"))
    assert by_name == by_id
    assert by_name["schema"] == "bydawn/job/1"
    _, out, _ = say("show", "nightly/article-b")
    assert "attempt" not in out.splitlines()[0]
    assert [line.split()[0] for line in out.splitlines() if line[:1].isdigit()] == ["1", "2"]


@pytest.mark.usefixtures("night")
def test_jobs_list_by_state(say: Say) -> None:
    document = answer(say("jobs", "list", "--state", "queued", "--json"))
    assert [job["job"] for job in document["jobs"]] == ["publish", "digest"]
    assert len(answer(say("jobs", "list", "nightly", "--limit", "2", "--json"))["jobs"]) == 2
    code, out, _ = say("jobs", "list", "nightly", "--state", "failed")
    assert code == 0
    assert "nightly@2026-11-19/link-audit-b" in out.splitlines()[1]


@pytest.mark.usefixtures("night")
def test_readers_exit_0_whatever_the_job_did(say: Say) -> None:
    for argv in (("show", "nightly/link-audit-b"), ("status", "nightly"), ("report",)):
        assert say(*argv)[0] == 0


@pytest.mark.usefixtures("night")
def test_results_in_both_forms(say: Say) -> None:
    code, out, _ = say("results", "nightly")
    lines = [json.loads(line) for line in out.splitlines()]
    assert code == 0
    assert [line["job"] for line in lines][:2] == ["article-a", "article-b"]
    assert lines[0]["result"] == {"words": 900}
    _, out, _ = say("results", "nightly/article-a", "--format", "csv")
    assert out.splitlines()[1].endswith(',succeeded,null,"{""words"": 900}"')


@pytest.mark.usefixtures("night")
def test_events_in_both_forms(say: Say) -> None:
    code, out, _ = say("events", "nightly")
    events = [json.loads(line) for line in out.splitlines()]
    assert code == 0
    assert [event["seq"] for event in events] == list(range(1, len(events) + 1))
    _, out, _ = say("events", "--after", str(len(events) - 1))
    assert json.loads(out) == events[-1]
    _, out, _ = say("events", "nightly", "--format", "logfmt")
    assert len(out.splitlines()) == 5


@pytest.mark.parametrize("form", ["text", "md", "json", "csv", "junit", "html"])
@pytest.mark.usefixtures("night")
def test_reports(say: Say, form: str) -> None:
    code, out, _ = say("report", "nightly", "--format", form)
    assert code == 0
    assert "link-audit-b" in out
    assert out.endswith("\n")


def test_a_report_of_nothing_says_so(say: Say) -> None:
    code, _, err = say("report")
    assert code == 2
    assert "no store here yet" in err


def log_of(scene: Scene, night: Batch, name: str, content: bytes, place: str = "1.1") -> None:
    folder = scene.folder / ".bydawn/runs" / scene.job(night, name).job_id / place
    folder.mkdir(parents=True)
    (folder / "output.log").write_bytes(content)


def test_logs_are_inert(say: Say, night: Batch, scene: Scene) -> None:
    log_of(scene, night, "article-a", b"one\r\ntw\x1b[2Jo\n\xff\xe8\xa8\x98")
    code, out, _ = say("logs", "nightly/article-a")
    assert (code, out) == (0, "one\ntw\\x1b[2Jo\n\\xff記")
    _, lines, _ = say("logs", "nightly/article-a", "--json")
    assert "".join(json.loads(line)["text"] for line in lines.splitlines()) == out


def test_logs_are_those_of_the_newest_run_that_printed(
    say: Say, night: Batch, scene: Scene
) -> None:
    for place, content in (("1.1", b"old\n"), ("1.9", b"newer\n"), ("1.10", b"newest\n")):
        log_of(scene, night, "article-a", content, place)
    (scene.folder / ".bydawn/runs" / scene.job(night, "article-a").job_id / "1.1").rename(
        scene.folder / "gone"
    )
    assert say("logs", "nightly/article-a")[1] == "newest\n"


def test_a_long_log_is_said_whole(say: Say, night: Batch, scene: Scene) -> None:
    content = "".join(f"記 line {n}\n" for n in range(20_000)) + "記" * 70_000
    log_of(scene, night, "article-a", content.encode())
    assert say("logs", "nightly/article-a", "-f")[1] == content


@pytest.mark.usefixtures("night")
def test_logs_of_a_job_that_printed_nothing(say: Say) -> None:
    code, out, err = say("logs", "nightly/digest")
    assert (code, out) == (2, "")
    assert "has printed nothing here" in err


def test_logs_of_a_run_that_said_nothing_are_not_those_of_the_one_before(
    say: Say, night: Batch, scene: Scene
) -> None:
    log_of(scene, night, "article-a", b"of the first try\n", "1.0")
    job = scene.job(night, "article-a")
    newest = scene.folder / ".bydawn/runs" / job.job_id / f"{job.revision}.{job.generation}"
    (newest / "draft").mkdir(parents=True)
    assert say("logs", "nightly/article-a")[:2] == (0, "")


def test_watching_a_finished_batch_is_soon_over(say: Say, night: Batch) -> None:
    code, out, err = say("watch", "nightly", "--progress", "plain")
    assert (code, out.splitlines()[0].split()[0]) == (0, "PARKED")
    assert "nightly@2026-11-19: 6 jobs" in err
    assert answer(say("watch", "--progress", "none", "--json"))["batch"] == night.address


# What people do


def test_retry_starts_again_what_failed(say: Say, night: Batch, scene: Scene) -> None:
    document = answer(say("retry", "nightly", "--json"))
    assert document == {
        "schema": "bydawn/done/1", "action": "retry",
        "changed": ["nightly@2026-11-19/link-audit-b"], "unchanged": [],
    }  # fmt: skip
    assert scene.job(night, "link-audit-b").state == "queued"


@pytest.mark.usefixtures("night")
def test_retry_of_an_open_job_changes_nothing(say: Say) -> None:
    document = answer(say("retry", "nightly/digest", "--json"))
    assert (document["changed"], document["unchanged"]) == ([], ["nightly@2026-11-19/digest"])


def test_resolve_decides(say: Say, night: Batch, scene: Scene) -> None:
    said = ("resolve", "nightly/review", "--as", "succeeded", "--reason", "I saw it")
    assert answer(say(*said, "--json"))["state"] == "succeeded"
    assert scene.job(night, "review").state == "succeeded"
    assert say(*said)[0] == 6


def test_resolve_says_whose_run_it_leaves_alone(say: Say, night: Batch, scene: Scene) -> None:
    """A person decides about a run nobody has seen end, and nobody will look at it again."""
    job = scene.job(night, "review")
    assert "alive" not in say(*decided("nightly/digest", "failed"))[2]
    assert job.handle
    told = say(*decided("nightly/review", "failed"))[2]
    assert f"may still be alive (scripted, {job.handle})" in told


def decided(job: str, answer: str) -> tuple[str, ...]:
    return ("resolve", job, "--as", answer, "--reason", "enough")


@pytest.mark.usefixtures("night")
def test_resolve_wants_a_reason(say: Say) -> None:
    assert say("resolve", "nightly/review", "--as", "failed")[0] == 2
    assert say("resolve", "nightly/review", "--as", "failed", "--reason", " ")[0] == 2


def test_pause_and_unpause(say: Say, night: Batch, scene: Scene) -> None:
    assert answer(say("pause", "nightly", "--json"))["changed"] == [night.address]
    assert scene.fresh(night).paused
    assert answer(say("pause", "nightly", "--json"))["unchanged"] == [night.address]
    assert answer(say("unpause", "nightly", "--json"))["changed"] == [night.address]
    assert not scene.fresh(night).paused


def test_cancel_ends_what_has_not_started(say: Say, night: Batch, scene: Scene) -> None:
    document = answer(say("cancel", "nightly/digest", "nightly/article-a", "--json"))
    assert document["changed"] == ["nightly@2026-11-19/digest"]
    assert document["unchanged"] == ["nightly@2026-11-19/article-a"]
    assert scene.job(night, "digest").state == "cancelled"


@pytest.mark.usefixtures("night")
def test_stop_holds_until_it_is_lifted(say: Say, tmp_path: Path) -> None:
    assert say("stop")[0] == 0
    assert (tmp_path / ".bydawn/STOP").exists()
    code, _, err = say("wait", "nightly/digest", "--timeout", "1s")
    assert code == 6
    assert "bydawn stop --clear" in err
    assert "stop --clear" in say("status")[2]
    assert say("stop", "--clear")[0] == 0
    assert not (tmp_path / ".bydawn/STOP").exists()


def test_backup_is_a_private_copy(say: Say, night: Batch, tmp_path: Path) -> None:
    assert say("db", "backup", "copy.db")[0] == 0
    assert stat.S_IMODE((tmp_path / "copy.db").stat().st_mode) == 0o600
    other = f"sqlite:///{tmp_path}/copy.db"
    assert answer(say("--store", other, "status", "--json"))["batches"][0]["batch"] == night.address
    assert say("db", "backup", "copy.db")[0] == 2


@pytest.mark.usefixtures("night")
def test_db_status(say: Say) -> None:
    facts = answer(say("db", "status", "--json"))
    assert (facts["schema"], facts["batches"], facts["stopped"]) == ("bydawn/store/1", 1, False)
    assert say("db", "migrate")[0] == 0


# Mistakes

MISTAKES: list[tuple[list[str], int, str]] = [
    (["statu"], 2, 'statu: no such verb, did you mean "status"?'),
    (["show", "--nope"], 2, "No such option"),
    (["show"], 2, "Missing argument"),
    (["show", "nightly/articel-a"], 2, "did you mean nightly/article-a,"),
    (["show", "nightly"], 2, "names 6 jobs"),
    (["show", "j_0123456789ab"], 2, "no such job"),
    (["status", "nigthly@2026-11-19"], 2, "did you mean nightly@2026-11-19?"),
    (["wait", "nightly", "nightly/digest"], 2, "one batch at a time"),
    (["wait", "nightly", "--timeout", "soon"], 2, '"soon" is no length'),
    (["run"], 2, "name a plan"),
    (["run", "a.toml", "b.toml"], 2, "one plan at a time"),
    (["run", "a.toml", "--", "true"], 2, "do not go together"),
    (["run", "--"], 2, "no command after --"),
    (["run", "--backend", "http-jobs", "--task", "x"], 2, "needs a table of options"),
    (["run", "--backend", "ray", "--task", "x"], 2, "needs argv or shell"),
    (["run", "--only", "x", "--", "true"], 2, "--only is for plans"),
    (["run", "a.toml", "--set", "x"], 2, "write --set name=value"),
    (["run", "a.toml", "--set", "x=1", "--set", "x=2"], 2, "given twice"),
    (["run", "a.toml", "--canary", "-2"], 2, "-2 is not in the range"),
    (["run", "a.toml", "--stay"], 3, "there is no such file"),
    (["run", "a.toml", "--report", "x.pdf"], 2, "end its name in"),
    (["run", "a.toml", "--junit", "no/such/x.xml"], 2, "there is no folder"),
    (["run", "none.toml"], 3, "none.toml: "),
    (["check"], 2, "name a plan"),
    (["jobs"], 2, "Usage:"),
    (["-C", "no-such-folder", "status"], 2, "no-such-folder"),
    (["--store", "mysql://x", "status"], 2, "is not a store address"),
    (["--store", "postgresql://me:%zz@x/y", "status"], 2, "cannot be read"),
    (["--color", "green", "status"], 2, "green"),
    (["completion", "tcsh"], 2, "tcsh"),
]


@pytest.mark.parametrize(("argv", "code", "told"), MISTAKES, ids=lambda value: str(value)[:40])
@pytest.mark.usefixtures("night")
def test_every_mistake_is_explained(say: Say, argv: list[str], code: int, told: str) -> None:
    found, out, err = say(*argv)
    assert (found, out) == (code, "")
    assert told in err
    assert "Traceback" not in err


@pytest.mark.parametrize(("argv", "code", "told"), MISTAKES, ids=lambda value: str(value)[:40])
@pytest.mark.usefixtures("night")
def test_with_json_the_last_line_is_the_error(
    say: Say, argv: list[str], code: int, told: str
) -> None:
    found, out, err = say("--json", *argv)
    assert (found, out) == (code, "")
    assert told in err
    document = json.loads(err.splitlines()[-1])
    assert document["schema"] == "bydawn/error/1"
    assert (document["exit_code"], bool(document["message"])) == (code, True)


def test_a_wrong_plan_is_told_with_its_lines(say: Say, tmp_path: Path) -> None:
    (tmp_path / "night.toml").write_text(
        'schema = 1\nname = "night"\n[[job]]\nid = "a"\ntimout = 1\n'
    )
    code, out, err = say("run", "night.toml", "--json")
    assert (code, out) == (3, "")
    assert 'night.toml:5: job[0].timout: unknown key (did you mean "timeout"?)' in err
    error = json.loads(err.splitlines()[-1])
    assert error["code"] == "plan_invalid"
    assert {"file", "line", "path", "message", "remedy"} == set(error["errors"][0])
    assert 5 in [one["line"] for one in error["errors"]]


def test_a_damaged_store_is_refused(say: Say, tmp_path: Path) -> None:
    (tmp_path / ".bydawn").mkdir()
    (tmp_path / ".bydawn/store.db").write_bytes(b"not a store at all" * 100)
    code, out, err = say("status", "--json")
    assert (code, out) == (3, "")
    assert json.loads(err.splitlines()[-1])["code"] == "store_refused"


@pytest.mark.usefixtures("night")
def test_a_bug_leaves_its_trace_in_a_private_file(
    say: Say, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(status_module, "opened", lambda _: 1 / 0)
    code, out, err = say("status")
    assert (code, out) == (70, "")
    assert "this is a bug in bydawn: ZeroDivisionError" in err
    assert "Traceback" not in err
    (kept,) = (tmp_path / ".bydawn").glob("bug-*.txt")
    assert "Traceback" in kept.read_text()
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    assert "Traceback" in say("-v", "status")[2]


def test_an_interrupt_is_no_bug(say: Say, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(status_module, "opened", interrupted)
    code, out, err = say("status")
    assert (code, out, err.strip()) == (130, "", "")


def test_a_disk_that_says_no_is_explained(say: Say, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: object) -> None:
        raise OSError(28, "No space left on device", "/data/x")

    monkeypatch.setattr(status_module, "opened", full)
    code, _, err = say("status")
    assert code == 75
    assert err.startswith("bydawn: /data/x: No space left on device: ")


# Options that stand anywhere


@pytest.mark.usefixtures("night")
def test_options_stand_before_or_after_the_verb(
    say: Say, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir("/")
    here = str(tmp_path)
    answers = [
        answer(say("-C", here, "--json", "jobs", "list", "nightly")),
        answer(say("jobs", "-C", here, "list", "nightly", "--json")),
        answer(say("jobs", "list", "nightly", "--json", "-C", here)),
    ]
    assert answers[0] == answers[1] == answers[2]


@pytest.mark.usefixtures("night")
def test_quiet_silences_the_talk_but_no_error(say: Say) -> None:
    assert say("pause", "nightly", "-q") == (0, "pause: nightly@2026-11-19\n", "")
    assert say("-q", "status", "nope")[2].startswith("bydawn: nope: unknown")


def test_the_menu(say: Say) -> None:
    code, out, err = say("--help")
    assert (code, err) == (0, "")
    assert "Examples:" in out
    code, out, err = say()
    assert (code, out) == (2, "")
    assert "Examples:" in err


def test_hostile_names_reach_no_terminal(say: Say, scene: Scene) -> None:
    name = "\x1b]0;x\x07\u202e\nfake"
    spec = scripted("work", {"takes_ms": 1, "ends": "exit 3"}, permanent_exit=(3,))
    batch = scene.submit(spec, names=[("work", name)])
    scene.drive(batch)
    job_id = scene.job(batch, name).job_id
    for argv in (
        ("status", "nightly"), ("show", job_id), ("jobs", "list"), ("report",), ("events",),
        ("report", "--format", "csv"), ("results", "nightly"), ("retry", "nightly"),
        ("show", job_id, "--json"), ("show", f"nightly/{name}x"),
    ):  # fmt: skip
        _, out, err = say(*argv)
        assert all(line.isprintable() for line in (out + err).split("\n")), argv
