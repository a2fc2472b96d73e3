"""Stages of trust: a rehearsal, clean watched nights, unattended; and back after an incident."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from saying import Say

PLAN = """
name = "nightly"
per = "day"
[autonomy]
required = true
watched_runs = 2
[[job]]
id = "one"
backend = "scripted"
script = [{{ ends = "{ends}" }}]
retries = 0
"""


def write(folder: Path, ends: str = "ok", more: str = "") -> None:
    (folder / "night.toml").write_text(PLAN.format(ends=ends) + more)


def night(say: Say, day: int, *flags: str) -> tuple[int, str, str]:
    return say("run", "night.toml", "--date", f"2026-11-{day:02}", *flags)


def stage(say: Say) -> dict[str, Any]:
    code, out, _ = say("check", "night.toml", "--json")
    assert code == 0
    found: dict[str, Any] = json.loads(out)["autonomy"]
    return found


def earn(say: Say) -> None:
    assert say("rehearse", "night.toml")[0] == 0
    assert night(say, 1)[0] == 0
    assert night(say, 2)[0] == 0


def test_it_is_refused_until_it_is_earned_and_nothing_is_recorded(tmp_path: Path, say: Say) -> None:
    write(tmp_path)
    code, _, err = night(say, 1, "--unattended")
    assert code == 6
    assert "it has not been rehearsed; 0 of 2 watched nights were clean" in err
    assert "bydawn rehearse" in err
    assert json.loads(say("status", "--json")[1])["batches"] == []
    assert say("rehearse", "night.toml")[0] == 0
    assert night(say, 1)[0] == 0
    code, _, err = night(say, 2, "--unattended")
    assert code == 6
    assert "1 of 2 watched nights were clean" in err
    assert night(say, 2)[0] == 0
    assert stage(say)["earned"] is True
    assert night(say, 3, "--unattended")[0] == 0


def test_the_same_night_twice_is_one_night(tmp_path: Path, say: Say) -> None:
    write(tmp_path)
    assert night(say, 1)[0] == 0
    assert night(say, 1)[0] == 0
    assert stage(say)["clean_nights"] == 1


def test_a_night_that_failed_is_not_clean(tmp_path: Path, say: Say) -> None:
    write(tmp_path, "exit 100")
    assert night(say, 1)[0] == 1
    assert stage(say)["clean_nights"] == 0
    assert say("rehearse", "night.toml")[0] == 0
    assert stage(say)["rehearsed_at"] is not None


def test_another_plan_begins_anew_and_other_items_do_not(tmp_path: Path, say: Say) -> None:
    items = tmp_path / "items.jsonl"
    more = '[[job]]\nid = "many"\nbackend = "scripted"\nitems = "items.jsonl"\nkey = ["n"]\n'
    items.write_text('{"n": 1}\n')
    write(tmp_path, more=more)
    earn(say)
    items.write_text('{"n": 2}\n{"n": 3}\n')
    assert stage(say)["earned"] is True
    write(tmp_path, more=more + "retries = 1\n")
    assert stage(say) == {
        "earned": False, "rehearsed_at": None, "clean_nights": 0, "watched_runs": 2,
        "incident_at": None,
    }  # fmt: skip


def test_an_incident_leads_back_to_watched_nights(tmp_path: Path, say: Say) -> None:
    flaky = '[[job]]\nid = "flaky"\nargv = ["test", "-e", "{{ plan.dir }}/well"]\n'
    flaky += "retries = 0\nbudget = { usd = 0 }\n"
    (tmp_path / "well").touch()
    write(tmp_path, more=flaky)
    earn(say)
    (tmp_path / "well").unlink()
    assert night(say, 3, "--unattended")[0] == 1
    assert stage(say)["incident_at"] is not None
    (tmp_path / "well").touch()
    code, _, err = night(say, 4, "--unattended")
    assert code == 6
    assert "0 of 2 watched nights were clean since the last incident" in err
    assert night(say, 4)[0] == 0
    assert night(say, 5)[0] == 0
    assert night(say, 6, "--unattended")[0] == 0


def test_mending_a_night_that_was_left_alone_does_not_make_it_watched(
    tmp_path: Path, say: Say
) -> None:
    write(tmp_path)
    earn(say)
    assert night(say, 3, "--unattended")[0] == 0
    assert night(say, 3)[0] == 0
    assert stage(say)["clean_nights"] == 2


def test_a_plan_that_asks_for_no_stages_runs_unattended(tmp_path: Path, say: Say) -> None:
    text = PLAN.format(ends="ok").replace("required = true", "required = false")
    (tmp_path / "night.toml").write_text(text)
    assert night(say, 1, "--unattended")[0] == 0
    assert json.loads(say("check", "night.toml", "--json")[1])["autonomy"] is None
