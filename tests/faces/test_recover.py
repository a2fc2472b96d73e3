"""``bydawn db recover``: a backup in the store's place starts nothing a second time."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

import pytest
from test_real_runs import WAITING, Place, until

from saying import Say

PLAN = """
schema = 1
name = "night"
[backends.agency]
type = "cli-async"
submit = ["{python}", "{folder}/agency.py", "submit", "{{{{ launch_key }}}}"]
id_path = "id"
poll = ["{python}", "{folder}/agency.py", "poll", "{{{{ remote.id }}}}"]
state_path = "state"
list = ["{python}", "{folder}/agency.py", "list"]
list_path = "jobs"
key_path = "key"
settle = "100ms"
poll_every = {{ initial = "100ms", max = "200ms" }}
pass_env = []
[defaults]
retries = 0
[[job]]
id = "first"
argv = ["test", "-e", "{folder}/ready"]
[[job]]
id = "local"
shell = "echo run >> {folder}/local-runs"
after = ["first"]
[[job]]
id = "remote"
backend = "agency"
prompt = "work"
after = ["first"]
"""
AGENCY = """
import json, sys
if sys.argv[1] == "submit":
    open("FOLDER/remote-runs", "a").write("run\\n")
print(json.dumps({"id": "r1", "state": "STATE", "jobs": []}))
"""


@pytest.fixture
def gone_back(say: Say, tmp_path: Path) -> Path:
    """A night whose two runs took place after the backup that is its store again."""
    (tmp_path / "night.toml").write_text(PLAN.format(python=sys.executable, folder=tmp_path))
    agency(tmp_path, "succeeded")
    assert say("run", "night.toml")[0] == 1
    assert say("db", "backup", "night.db")[0] == 0
    (tmp_path / "ready").touch()
    assert say("run", "night.toml", "--retry-failed")[0] == 0
    assert runs(tmp_path) == [1, 1]
    put_back(tmp_path)
    return tmp_path


def agency(folder: Path, state: str) -> None:
    """A service that notes each run, and says that all are in this state."""
    text = AGENCY.replace("FOLDER", str(folder)).replace("STATE", state)
    (folder / "agency.py").write_text(text)


def runs(folder: Path) -> list[int]:
    return [(folder / f"{name}-runs").read_text().count("run") for name in ("local", "remote")]


def put_back(folder: Path) -> None:
    shutil.copyfile(folder / "night.db", folder / ".bydawn" / "store.db")


def token_of(say: Say) -> int:
    return int(json.loads(say("lease", "acquire", "a", "--json")[1])["token"])


def test_no_run_is_started_twice_and_a_person_is_asked(say: Say, gone_back: Path) -> None:
    code, out, err = say("db", "recover")
    assert code == 0
    assert "parked: night/remote: nobody can tell whether it ran" in out
    assert "1 open job goes on alone" in out
    assert "bydawn resolve night/remote" in err
    assert say("run", "night.toml", "--retry-failed")[0] == 8
    assert runs(gone_back) == [1, 1]
    shown = json.loads(say("show", "night/remote", "--json")[1])
    assert (shown["state"], shown["reason"]) == ("parked", "in_doubt")
    assert "older state" in shown["error"]["message"]
    why = ("--reason", "the agency shows it done")
    assert say("resolve", "night/remote", "--as", "succeeded", *why)[0] == 0
    assert say("run", "night.toml")[0] == 0
    assert runs(gone_back) == [1, 1]


def test_tokens_rise_above_all_that_were_ever_given_out(say: Say, tmp_path: Path) -> None:
    before = token_of(say)
    assert say("db", "backup", "night.db")[0] == 0
    for _ in range(5):
        say("lease", "release", "a", "--token", str(before))
        before = token_of(say)
    put_back(tmp_path)
    document = json.loads(say("db", "recover", "--json")[1])
    assert document == {
        "schema": "bydawn/recovered/1", "token": document["token"], "parked": [], "left": 0,
    }  # fmt: skip
    held = json.loads(say("lease", "show", "a", "--json")[1])["token"]
    say("lease", "release", "a", "--token", str(held))
    assert token_of(say) == document["token"] > before


def test_the_same_backup_put_back_twice_gives_no_number_twice(say: Say, tmp_path: Path) -> None:
    token_of(say)
    assert say("db", "backup", "night.db")[0] == 0
    numbers = []
    for _ in range(2):
        put_back(tmp_path)
        assert say("db", "recover")[0] == 0
        held = json.loads(say("lease", "show", "a", "--json")[1])["token"]
        say("lease", "release", "a", "--token", str(held))
        numbers.append(token_of(say))
    assert numbers[0] < numbers[1]


def test_a_local_launch_that_was_refused_is_not_made_beside_the_next(
    say: Say, gone_back: Path
) -> None:
    """The first generation was refused, the second ran: the store knows of neither."""
    folder = json.loads(say("show", "night/local", "--json")[1])["job_id"]
    runs_there = gone_back / ".bydawn" / "runs" / folder
    (runs_there / "1.1").rename(runs_there / "1.2")
    assert "parked: night/local" in say("db", "recover")[1]
    assert say("run", "night.toml", "--retry-failed")[0] == 8
    assert runs(gone_back) == [1, 1]


def test_a_run_that_is_known_stays_watched_and_starts_no_other(tmp_path: Path) -> None:
    """It failed while the store was away, and there may have been another since."""
    place = Place(tmp_path)
    text = PLAN.format(python=sys.executable, folder=tmp_path)
    place.plan(text.replace("retries = 0", "retries = 5"))
    (tmp_path / "ready").touch()
    agency(tmp_path, "running")
    running = place.start("run", "night.toml")
    until(lambda: place.state_of("night/remote") == "running")
    running.kill()
    running.communicate(timeout=60)
    agency(tmp_path, "failed")
    assert "parked: night/remote" in place.run("db", "recover")[1]
    assert place.run("run", "night.toml")[0] == 8
    assert runs(tmp_path) == [1, 1]
    agency(tmp_path, "succeeded")
    place.run("resolve", "night/remote", "--as", "retry", "--reason", "the agency knows of no run")
    assert place.run("run", "night.toml")[0] == 0
    assert runs(tmp_path) == [1, 2]


def test_it_is_refused_while_somebody_is_at_work(tmp_path: Path) -> None:
    place, gate = Place(tmp_path), tmp_path / "gate"
    running = place.start("run", place.plan(WAITING.format(gate=gate)))
    until(lambda: place.state_of("night/long") == "running")
    code, _, err = place.run("db", "recover")
    assert (code, "runners are at work" in err) == (6, True)
    gate.touch()
    running.communicate(timeout=60)
    assert running.returncode == 0
