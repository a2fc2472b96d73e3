"""The program itself, in processes of its own, on real commands."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

SOURCE = Path(__file__).resolve().parents[2] / "src"
PATIENCE_S = 60.0

PLAN = """
schema = 1
name = "night"
[[job]]
id = "good"
argv = ["sh", "-c", "echo it went well"]
[[job]]
id = "bad"
argv = ["sh", "-c", "echo 41 dead links >&2; exit 3"]
permanent_exit = [3]
"""
WAITING = """
schema = 1
name = "night"
[[job]]
id = "long"
argv = ["sh", "-c", "echo started; while [ ! -e {gate} ]; do sleep 0.05; done"]
"""


needs_full_device = pytest.mark.skipif(
    not Path("/dev/full").exists(), reason="the platform has no /dev/full"
)


class Place:
    """A folder in which bydawn is typed."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.environment = {"PYTHONPATH": str(SOURCE), "PATH": os.environ["PATH"], "TZ": "UTC",
                            "HOME": str(folder), "PYTHONUNBUFFERED": "1"}  # fmt: skip

    def plan(self, text: str) -> str:
        (self.folder / "night.toml").write_text(text)
        return "night.toml"

    def start(self, *argv: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", "bydawn", *argv], cwd=self.folder, env=self.environment,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip

    def run(self, *argv: str) -> tuple[int, str, str]:
        process = self.start(*argv)
        out, err = process.communicate(timeout=PATIENCE_S)
        return process.returncode, out, err

    def state_of(self, job: str) -> str:
        _, out, _ = self.run("show", job, "--json")
        return str(json.loads(out)["state"]) if out else ""


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


def until(condition: Callable[[], bool]) -> None:
    """Look until it is so; a bound instead of a guess how long it takes."""
    end = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < end, "it never came"
        time.sleep(0.05)


def test_a_night_and_the_morning_after(place: Place) -> None:
    plan = place.plan(PLAN)
    code, out, err = place.run("run", plan)
    assert code == 1
    assert out.splitlines()[0].startswith("FAILED bad")
    assert "exit 3: 41 dead links" in out
    assert out.splitlines()[-1].startswith("1 succeeded, 1 failed in ")
    assert " good succeeded in " in err
    assert place.run("logs", "night/good")[1] == "it went well\n"


def test_the_same_command_again_does_nothing_twice(place: Place) -> None:
    plan = place.plan(PLAN)
    place.run("run", plan)
    code, out, _ = place.run("run", plan, "--json")
    document = json.loads(out)
    assert (code, document["exit_code"], document["counts"]["already_done"]) == (1, 1, 1)
    assert {job["job"]: job["reason"] for job in document["jobs"]} == {
        "good": "already_done", "bad": "permanent",
    }  # fmt: skip
    assert [job["attempts"] for job in document["jobs"]] == [1, 1]


def test_files_are_left_behind(place: Place) -> None:
    plan = place.plan(PLAN)
    files = ("--report", "r.md", "--junit", "j.xml", "--events", "e.jsonl")
    assert place.run("run", plan, *files)[0] == 1
    assert "- **bad**: failed: exit 3: 41 dead links" in (place.folder / "r.md").read_text()
    assert 'failures="1"' in (place.folder / "j.xml").read_text()
    assert place.run("run", plan, "--report", "r.html", "--junit", "j.xml")[0] == 1
    page = (place.folder / "r.html").read_text()
    assert page.startswith("<!doctype html>")
    assert "exit 3: 41 dead links" in page
    events = (place.folder / "e.jsonl").read_text().splitlines()
    assert json.loads(events[0])["event"] == "opened"


def test_a_canary_from_the_command_line_and_lifted_there(place: Place) -> None:
    """It was said once that nothing is left to do while jobs waited for a canary lifted since."""
    plan = place.plan(PLAN.replace("echo it went well", "exit 100"))
    document = json.loads(place.run("run", plan, "--canary", "1", "-j", "1", "--json")[1])
    told = [(job["state"], job["reason"]) for job in document["jobs"]]
    assert told == [("failed", "permanent"), ("queued", "canary")]
    document = json.loads(place.run("run", plan, "--canary", "0", "--json")[1])
    assert document["counts"]["failed"] == 2


def test_old_logs_go_and_nothing_is_done_twice_for_it(place: Place) -> None:
    plan = place.plan(PLAN)
    assert place.run("run", plan)[0] == 1
    document = json.loads(place.run("db", "prune", "--dry-run", "--older-than", "0s", "--json")[1])
    assert (document["schema"], document["runs"], document["plans"]) == (
        "bydawn/pruned/1", 2, {"night": 2},
    )  # fmt: skip
    assert place.run("logs", "night/good")[1] == "it went well\n"
    assert "logs and drafts of 2 runs removed" in place.run("db", "prune", "--older-than", "0s")[1]
    assert place.run("logs", "night/good")[0] == 2
    document = json.loads(place.run("run", plan, "--json")[1])
    assert [job["attempts"] for job in document["jobs"]] == [1, 1]
    assert place.run("retry", "night/bad")[0] == 0
    assert json.loads(place.run("wait", "night", "--json")[1])["jobs"][1]["attempts"] == 2
    assert "41 dead links" in place.run("logs", "night/bad")[1]


def test_the_whole_store_as_lines(place: Place) -> None:
    place.run("run", place.plan(PLAN))
    code, out, _ = place.run("db", "export")
    lines = [json.loads(line) for line in out.splitlines()]
    assert (code, lines[0]["schema"], lines[-1]["end"]["job"]) == (0, "bydawn/export/1", 2)
    assert place.run("db", "export", "store.jsonl")[0] == 0
    assert place.run("db", "export", "store.jsonl")[0] == 2
    assert (place.folder / "store.jsonl").stat().st_mode & 0o777 == 0o600


def test_a_night_does_not_begin_on_a_full_disk(place: Place) -> None:
    place.environment["BYDAWN_MIN_FREE"] = "9999999TB"
    plan = place.plan(PLAN)
    for argv in (("run", plan), ("run", "--", "true")):
        code, out, err = place.run(*argv)
        assert (code, out) == (75, "")
        assert "nothing was started" in err
    del place.environment["BYDAWN_MIN_FREE"]
    assert place.run("run", plan)[0] == 1


def test_unattended_is_silent_when_all_is_well(place: Place) -> None:
    plan = place.plan(PLAN.replace("exit 3", "exit 0"))
    assert place.run("run", plan, "--unattended") == (0, "", "")
    assert place.run("run", plan, "--unattended") == (0, "", "")


def test_unattended_reports_when_it_is_not(place: Place) -> None:
    code, out, err = place.run("run", place.plan(PLAN), "--unattended")
    assert (code, err) == (1, "")
    assert out.startswith("night: 1 of 2 succeeded, 1 needs you")
    assert "NEEDS YOU\n  bad   failed: exit 3: 41 dead links" in out


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)]
)
def test_a_signal_lets_go_and_the_same_command_goes_on(
    place: Place, number: signal.Signals, code: int
) -> None:
    gate = place.folder / "gate"
    plan = place.plan(WAITING.replace("{gate}", str(gate)))
    process = place.start("run", plan, "--json")
    until(lambda: place.state_of("night/long") == "running")
    process.send_signal(number)
    out, _ = process.communicate(timeout=PATIENCE_S)
    document = json.loads(out)
    assert (process.returncode, document["exit_code"]) == (code, code)
    assert (document["state"], document["outcome"]) == ("interrupted", None)
    gate.touch()
    again, out, _ = place.run("run", plan, "--json")
    (job,) = json.loads(out)["jobs"]
    assert (again, job["state"], job["attempts"]) == (0, "succeeded", 1)


def test_one_command_in_the_foreground(place: Place) -> None:
    code, out, _ = place.run("run", "--json", "--key", "k", "--", "sh", "-c", "exit 0")
    job = json.loads(out)
    assert (code, job["schema"], job["job"], job["state"]) == (
        0, "bydawn/job/1", "k", "succeeded",
    )  # fmt: skip
    assert place.run("run", "--key", "k", "--", "true")[0] == 3
    assert place.run("run", "--key", "k", "--", "sh", "-c", "exit 0")[0] == 0
    assert place.state_of("adhoc/k") == "succeeded"


def test_one_command_in_the_background(place: Place) -> None:
    gate = place.folder / "gate"
    script = f"while [ ! -e {gate} ]; do sleep 0.05; done"
    code, out, _ = place.run("run", "--detach", "--json", "--", "sh", "-c", script)
    job_id = json.loads(out)["job_id"]
    assert code == 0
    until(lambda: place.state_of(job_id) == "running")
    assert place.run("wait", job_id, "--timeout", "100ms")[0] == 4
    gate.touch()
    code, out, _ = place.run("wait", job_id, "--json")
    document = json.loads(out)
    assert (code, document["schema"]) == (0, "bydawn/jobs/1")
    assert [job["state"] for job in document["jobs"]] == ["succeeded"]


def test_options_of_the_command_are_its_own(place: Place) -> None:
    code, out, _ = place.run("run", "--key", "k", "--", "echo", "--json", "-v", "--", "{{ x }}")
    assert code == 0
    assert not out.startswith("{")
    assert place.run("logs", "adhoc/k")[1] == "--json -v -- {{ x }}\n"


def test_whoever_stops_reading_is_no_error(place: Place) -> None:
    place.run("run", place.plan(PLAN))
    process = place.start("events")
    assert process.stdout is not None
    process.stdout.close()
    assert process.stderr is not None
    assert process.stderr.read() == ""
    assert process.wait(PATIENCE_S) == 0
    process.stderr.close()


def test_a_rehearsal_leaves_nothing_behind(place: Place) -> None:
    code, out, err = place.run("rehearse", place.plan(PLAN))
    assert (code, out.startswith("2 succeeded in ")) == (0, True)
    assert err.startswith("rehearsed night in ")
    assert [path.name for path in place.folder.iterdir()] == ["night.toml"]


def test_check_changes_nothing(place: Place) -> None:
    plan = place.plan(PLAN)
    code, out, _ = place.run("check", plan, "--json")
    document = json.loads(out)
    assert (code, document["schema"], document["totals"]) == (0, "bydawn/check/1", {"start": 2})
    assert [path.name for path in place.folder.iterdir()] == ["night.toml"]
    assert place.run("run", plan, "--dry-run", "--json")[1] == out
    schema = json.loads(place.run("check", "--schema")[1])
    assert "job" in schema["properties"]


def test_config_tells_where_a_setting_comes_from(place: Place) -> None:
    (place.folder / "bydawn.toml").write_text("[run]\nparallel = 3\n")
    code, out, _ = place.run("config", "show", "--origin", "--json")
    found = {one["name"]: one for one in json.loads(out)["settings"]}
    assert (code, found["run.parallel"]["value"]) == (0, 3)
    assert found["run.parallel"]["origin"].endswith("bydawn.toml")


def test_a_narrow_locale_gets_escapes(place: Place) -> None:
    place.environment.update({"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"})
    place.plan(PLAN.replace("41 dead links", "41 記事"))
    code, out, _ = place.run("run", "night.toml")
    assert code == 1
    assert out.isascii()
    assert "\\u8a18" in out


def test_a_plan_is_left_to_the_background(place: Place) -> None:
    plan = place.plan(PLAN)
    code, out, _ = place.run("run", plan, "--detach")
    assert (code, out) == (0, "night\n")
    document = json.loads(place.run("run", plan, "--detach", "--json")[1])
    assert document["outcome"] in (None, "failed"), "the closed set of outcomes, or not yet"
    code, out, _ = place.run("wait", "night", "--json")
    document = json.loads(out)
    assert (code, document["state"], document["outcome"]) == (1, "finished", "failed")


def test_what_was_begun_in_front_goes_on_in_the_background(place: Place) -> None:
    """The plan had not changed, so nothing was recorded, and the background found nothing to do."""
    plan = place.plan(
        'schema = 1\nname = "night"\n[[job]]\nid = "a"\nretries = 0\n'
        'argv = ["test", "-e", "{{ plan.dir }}/go"]\n'
    )
    assert place.run("run", plan)[0] == 1
    (place.folder / "go").touch()
    assert place.run("run", plan, "--detach", "--retry-failed")[0] == 0
    give_up = time.monotonic() + 30
    while json.loads(place.run("status", "night", "--json")[1])["counts"]["succeeded"] == 0:
        assert time.monotonic() < give_up
        time.sleep(0.1)


def test_a_place_elsewhere(place: Place, tmp_path_factory: pytest.TempPathFactory) -> None:
    plan = place.plan(PLAN)
    elsewhere = Place(tmp_path_factory.mktemp("elsewhere"))
    argv = ("-C", str(place.folder), "run", plan, "--junit", "j.xml", "--progress", "json")
    code, _, err = elsewhere.run(*argv)
    assert code == 1
    assert {json.loads(line)["schema"] for line in err.splitlines()} == {"bydawn/event/1"}
    assert (place.folder / "j.xml").exists()
    left = [path.relative_to(elsewhere.folder) for path in elsewhere.folder.rglob("*")]
    assert {path.parts[:2] for path in left} <= {(".config",), (".config", "bydawn")}, "the key"


def test_cancelling_what_nobody_watches(place: Place) -> None:
    plan = place.plan(WAITING.replace("{gate}", str(place.folder / "never")))
    process = place.start("run", plan)
    until(lambda: place.state_of("night/long") == "running")
    process.kill()
    process.communicate()
    code, out, _ = place.run("cancel", "night/long", "--json")
    assert (code, json.loads(out)["changed"]) == (0, ["night/long"])
    assert place.state_of("night/long") == "cancelled"
    assert place.run("run", plan)[0] == 7


def test_an_interrupt_can_end_the_runs_first(place: Place) -> None:
    plan = place.plan(WAITING.replace("{gate}", str(place.folder / "never")))
    process = place.start("run", plan, "--on-interrupt", "cancel", "--json")
    until(lambda: place.state_of("night/long") == "running")
    process.send_signal(signal.SIGINT)
    out, _ = process.communicate(timeout=PATIENCE_S)
    (job,) = json.loads(out)["jobs"]
    assert process.returncode == 130
    assert (job["state"], job["reason"]) == ("failed", "interrupted")


def test_following_events_and_logs(place: Place) -> None:
    gate = place.folder / "gate"
    plan = place.plan(WAITING.replace("{gate}", str(gate)))
    process = place.start("run", plan)
    until(lambda: place.state_of("night/long") == "running")
    logs = place.start("logs", "night/long", "-f")
    assert logs.stdout is not None
    assert logs.stdout.readline() == "started\n"
    gate.touch()
    assert logs.communicate(timeout=PATIENCE_S)[0] == ""
    assert (logs.returncode, process.wait(PATIENCE_S)) == (0, 0)
    process.communicate()
    events = place.start("events", "night", "-f", "--format", "logfmt")
    assert events.stdout is not None
    assert " status=succeeded " in events.stdout.readline()
    events.send_signal(signal.SIGINT)
    events.communicate(timeout=PATIENCE_S)
    assert events.returncode == 130


def test_colours_only_where_they_are_wanted(place: Place) -> None:
    place.run("run", place.plan(PLAN))
    assert "\x1b" not in place.run("status", "night")[1]
    assert "\x1b[31mFAILED\x1b[0m bad" in place.run("status", "night", "--color", "always")[1]
    place.environment["CLICOLOR_FORCE"] = "1"
    assert "\x1b[31mFAILED" in place.run("status", "night")[1]
    assert "\x1b" not in place.run("status", "night", "--color", "never")[1]
    place.environment["NO_COLOR"] = "1"
    assert "\x1b" not in place.run("status", "night")[1]


def test_items_are_found_where_the_command_is_typed(
    place: Place, tmp_path_factory: pytest.TempPathFactory
) -> None:
    place.plan(
        'schema = 1\nname = "night"\n[[job]]\nid = "work"\nargv = ["true"]\n'
        'items = "none.jsonl"\nkey = ["n"]\n'
    )
    (place.folder / "few.jsonl").write_text('{"n": 1}\n{"n": 2}\n')
    elsewhere = Place(tmp_path_factory.mktemp("elsewhere"))
    argv = ("-C", str(place.folder), "check", "night.toml", "--items", "few.jsonl", "--json")
    code, out, err = elsewhere.run(*argv)
    assert (code, err) == (0, "")
    assert [job["job"] for job in json.loads(out)["jobs"]] == ["work/1", "work/2"]


def test_a_second_signal_leaves_at_once(place: Place) -> None:
    gate = place.folder / "gate"
    stubborn = WAITING.replace("echo started;", "trap '' TERM; echo started;")
    plan = place.plan(stubborn.replace("{gate}", str(gate)) + 'grace = "30s"\n')
    process = place.start("run", plan, "--on-interrupt", "cancel", "--progress", "plain")
    until(lambda: "started" in place.run("logs", "night/long")[1])
    process.send_signal(signal.SIGINT)
    until(lambda: "cancel_asked" in place.run("events", "night")[1])
    process.send_signal(signal.SIGTERM)
    assert process.wait(5) == 143
    process.communicate()
    gate.touch()
    until(lambda: place.run("run", plan)[0] != 75)


@needs_full_device
def test_a_full_disk_under_the_answer_is_told(place: Place) -> None:
    place.run("run", place.plan(PLAN))
    with Path("/dev/full").open("w") as full:
        ran = subprocess.run(
            [sys.executable, "-m", "bydawn", "events"], cwd=place.folder, env=place.environment,
            stdout=full, stderr=subprocess.PIPE, text=True, timeout=PATIENCE_S, check=False,
        )  # fmt: skip
    assert ran.returncode == 75
    assert "No space left on device" in ran.stderr
    assert "Traceback" not in ran.stderr


@needs_full_device
def test_talk_that_cannot_be_written_stops_nothing(place: Place) -> None:
    plan = place.plan(PLAN)
    with Path("/dev/full").open("w") as full:
        ran = subprocess.run(
            [sys.executable, "-m", "bydawn", "run", plan], cwd=place.folder,
            env=place.environment, stdout=subprocess.PIPE, stderr=full, text=True,
            timeout=PATIENCE_S, check=False,
        )  # fmt: skip
    assert ran.returncode == 1
    assert ran.stdout.splitlines()[-1].startswith("1 succeeded, 1 failed")
