"""Results that a service keeps only for a while: said before the night, and when one was left."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest
from scene import HOUR, Scene, ok, scripted

from bydawn.app.backends import Registry
from bydawn.core.model import Limits
from bydawn.store.store import Batch
from bydawn.watch.documents import Reading
from bydawn.watch.expiring import expiring
from bydawn.watch.morning import gather_morning, morning_document
from bydawn.watch.report import gather, summary
from bydawn.watch.sections import sections
from saying import Say

PLAN = """
schema = 1
name = "nightly"
{more}
[backends.jobs]
type = "http-jobs"
launch = {{ method = "POST", url = "http://127.0.0.1:9/jobs", json = "{{}}" }}
id_path = "id"
poll = {{ url = "http://127.0.0.1:9/jobs/{{{{ remote.id }}}}" }}
state_path = "state"
{keeps}
[[job]]
id = "one"
backend = "jobs"
timeout = "{timeout}"
"""


def keeping(scene: Scene, served: Batch | None = None) -> Reading:
    """Every service keeps a result for six hours."""
    return dataclasses.replace(scene.reading(served), keeps_of=lambda _: 6 * HOUR)


def left_alone(scene: Scene) -> Batch:
    """A night that was interrupted over one run that goes on."""
    endless = Limits(timeout_ms=48 * HOUR, stall_ms=None)
    batch = scene.submit(
        scripted("long", {"takes_ms": 0, "ends": "hang"}, limits=endless), scripted("short", ok())
    )
    scene.drive(batch, hours=0.01)
    scene.clock.wind(2 * HOUR)
    return batch


def test_what_nobody_watches_is_told_with_its_time_and_what_fetches_it(tmp_path: Path) -> None:
    scene = Scene(tmp_path)
    batch = left_alone(scene)
    (one,) = expiring(keeping(scene), batch)
    assert (one.name, one.command) == ("long", f"bydawn wait {batch.address}")
    assert one.told(scene.clock.utc_ms()) == ("result not fetched; scripted may drop it in 3 h")
    scene.clock.wind(5 * HOUR)
    assert one.told(scene.clock.utc_ms()).endswith("scripted may have dropped it")


def test_a_runner_that_lives_sees_to_it(tmp_path: Path) -> None:
    scene = Scene(tmp_path)
    batch = left_alone(scene)
    assert expiring(keeping(scene, served=batch), batch) == []
    assert expiring(scene.reading(), batch) == [], "kept until it is deleted"


def test_what_waits_for_a_person_is_told_though_a_runner_lives(tmp_path: Path) -> None:
    scene = Scene(tmp_path)
    batch = scene.submit(scripted("review", {"takes_ms": 1_000, "ends": "vanish"}))
    scene.drive(batch, hours=0.01)
    (one,) = expiring(keeping(scene, served=batch), batch)
    assert one.command == f"bydawn show {batch.address}/review"


def test_the_report_says_so_in_every_form(tmp_path: Path) -> None:
    scene = Scene(tmp_path)
    batch = left_alone(scene)
    told = summary(gather(keeping(scene), batch))
    assert any(line.startswith("EXPIRES long") and "in 3 h" in line for line in told)
    morning = gather_morning(keeping(scene), batch)
    (needs,) = (each for each in sections(morning, None) if each.name == "NEEDS YOU")
    assert [item.name for item in needs.items] == ["long"]
    (need,) = morning_document(morning)["expiring"]
    assert need["name"] == "long"


@pytest.mark.parametrize(
    ("keeps", "timeout", "more", "told"),
    [
        ('keeps = "1h"', "2h", "", "jobs keeps a result for 1 h, and a run may take 2 h"),
        ('keeps = "1h"', "30m", '[run]\ndeadline = "5h"', "this night may take"),
        ('keeps = "1h"', "30m", "", None),
        ("", "40d", "", None),
    ],
)
def test_check_and_doctor_say_so_before_the_night(
    say: Say, tmp_path: Path, keeps: str, timeout: str, more: str, told: str | None
) -> None:
    text = PLAN.format(keeps=keeps, timeout=timeout, more=more)
    (tmp_path / "nightly.toml").write_text(text)
    code, out, err = say("check", "nightly.toml", "--json")
    assert code == 0, err
    warnings = json.loads(out)["warnings"]
    assert [told in each for each in warnings] == ([True] if told else [])
    _, found, _ = say("doctor", "nightly.toml")
    assert ("keeps a result for" in found) is bool(told)


def test_what_an_earlier_night_left_is_told_before_the_next(
    say: Say, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene = Scene(tmp_path)
    batch = left_alone(scene)
    scene.store.close()
    monkeypatch.setattr(Registry, "keeps_ms", lambda *_: 6 * HOUR)
    text = PLAN.format(keeps="", timeout="1h", more='per = "day"')
    (tmp_path / "nightly.toml").write_text(text)
    code, out, err = say("check", "nightly.toml", "--json")
    assert code == 0, err
    (warning,) = json.loads(out)["warnings"]
    assert f"{batch.address}/long: result not fetched; scripted may have dropped it" in warning
    assert f"(bydawn wait {batch.address})" in warning
