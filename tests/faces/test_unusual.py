"""Unusual use: found against a job's own nights, told with what changed, silent where it cannot
know."""

from __future__ import annotations

from typing import Any

import pytest
from scene import HOUR, Scene, ok, scripted

from bydawn.core.usual import LEAST_NIGHTS, Measure, is_unusual, nights_since, usual_of
from bydawn.store.sqlite import forgo_durability
from bydawn.store.store import Batch
from bydawn.watch.exports import text
from bydawn.watch.morning import gather_morning
from bydawn.watch.unusual import Comparison


def night(scene: Scene, day: int, *scripts: dict[str, Any], **asked: Any) -> Batch:
    """One night of the one job ``work``."""
    forgo_durability(scene.store.session)
    spec = scripted("work", *scripts, retries=3)
    spec.payload.update(asked)
    batch = scene.submit(spec, edition=f"2026-11-{day:02}")
    scene.drive(batch)
    scene.clock.wind(23 * HOUR)
    return scene.fresh(batch)


def used(tokens: int, minutes: int = 10) -> dict[str, Any]:
    return ok(minutes * 60_000, usage={"input_tokens": tokens})


def compared(scene: Scene, batch: Batch) -> Comparison:
    return gather_morning(scene.reading(), batch).comparison


def usually(scene: Scene, nights: int = 8, **asked: Any) -> None:
    for day in range(1, nights + 1):
        night(scene, day, used(100_000 + 1_000 * (day % 3)), **asked)


def test_a_night_as_always_is_not_unusual(scene: Scene) -> None:
    usually(scene)
    batch = night(scene, 9, used(104_000))
    comparison = compared(scene, batch)
    assert comparison.is_possible
    assert (comparison.findings, comparison.nights, comparison.compared) == ((), 8, 1)
    assert "UNUSUAL" not in text(gather_morning(scene.reading(), batch), None)


def test_a_jump_is_told_with_what_changed(scene: Scene) -> None:
    usually(scene, model="small", prompt="Be brief.")
    batch = night(scene, 9, used(300_000), model="large", prompt="Be thorough.")
    (finding,) = compared(scene, batch).findings
    assert finding.name == "work"
    assert [one.measure for one in finding.strange] == [Measure.TOKENS]
    assert round(finding.strange[0].ratio, 1) == 3.0
    assert (finding.since, finding.nights) == ("2026-11-09", 1)
    changes = {one.name: (one.before, one.after) for one in finding.changes}
    assert changes["model"] == ("small", "large")
    assert set(changes) == {"model", "prompt"}
    assert changes["prompt"][0] != changes["prompt"][1]


def test_since_when_is_the_night_it_began(scene: Scene) -> None:
    usually(scene, model="small")
    for day in (9, 10):
        night(scene, day, used(300_000), model="large")
    batch = night(scene, 11, used(310_000), model="large")
    (finding,) = compared(scene, batch).findings
    assert (finding.since, finding.nights) == ("2026-11-09", 3)
    assert [one.name for one in finding.changes] == ["model"]


def test_much_less_than_usual_is_unusual_too(scene: Scene) -> None:
    usually(scene)
    (finding,) = compared(scene, night(scene, 9, used(2_000))).findings
    assert finding.changes == ()
    lines = " ".join(
        " ".join(text(gather_morning(scene.reading(), night(scene, 10, used(2_000))), None)).split()
    )
    assert "2000 tokens, 0.0 times its usual 101k" in lines
    assert "nothing in its plan changed" in lines


def test_a_job_that_failed_early_did_not_save_anything(scene: Scene) -> None:
    usually(scene)
    batch = night(scene, 9, {"takes_ms": 100, "ends": "error 400"})
    assert compared(scene, batch).findings == ()


def test_retries_beyond_the_usual_are_told(scene: Scene) -> None:
    usually(scene)
    lost = {"takes_ms": 100, "ends": "error 503"}
    (finding,) = compared(scene, night(scene, 9, lost, lost, used(100_000))).findings
    assert [one.measure for one in finding.strange] == [Measure.RETRIES]


@pytest.mark.parametrize("nights", range(LEAST_NIGHTS))
def test_too_few_nights_are_said_to_be_too_few(scene: Scene, nights: int) -> None:
    usually(scene, nights)
    batch = night(scene, 9, used(900_000))
    morning = gather_morning(scene.reading(), batch)
    assert not morning.comparison.is_possible
    assert morning.comparison.findings == ()
    assert f"what is usual is not known yet: {nights} earlier night" in "\n".join(
        text(morning, None)
    )


def test_a_new_job_has_no_history_to_be_compared_with(scene: Scene) -> None:
    usually(scene)
    batch = scene.submit(scripted("new", used(5_000_000)), edition="2026-11-09")
    scene.drive(batch)
    assert compared(scene, scene.fresh(batch)).findings == ()


def test_other_plans_are_not_its_history(scene: Scene) -> None:
    usually(scene)
    spec = scripted("work", used(900_000))
    batch = scene.submit(spec, plan="other", edition="2026-11-09")
    scene.drive(batch)
    assert compared(scene, scene.fresh(batch)).nights == 0


def test_a_plan_without_editions_is_compared_with_nothing(scene: Scene) -> None:
    batch = scene.submit(scripted("work", used(1)), edition="")
    scene.drive(batch)
    morning = gather_morning(scene.reading(), scene.fresh(batch))
    assert "UNUSUAL" not in text(morning, None)


def test_the_costliest_comes_first_and_then_by_weight(scene: Scene) -> None:
    for day in range(1, 10):
        jump = 4 if day == 9 else 1
        specs = [
            scripted("slow", ok(600_000 * jump)),
            scripted("small", used(3_000 * jump)),
            scripted("large", used(500_000 * jump)),
        ]
        batch = scene.submit(*specs, edition=f"2026-11-{day:02}")
        scene.drive(batch)
        scene.clock.wind(23 * HOUR)
    findings = compared(scene, scene.fresh(batch)).findings
    assert [one.name for one in findings] == ["large", "small", "slow"]


def test_one_strange_night_moves_neither_middle_nor_spread() -> None:
    calm = [100_000 + 1_000 * n for n in range(9)]
    with_one = usual_of(Measure.TOKENS, [*calm, 90_000_000])
    without = usual_of(Measure.TOKENS, [*calm, 104_000])
    assert with_one is not None
    assert without is not None
    assert abs(with_one.middle - without.middle) <= 1_000
    assert is_unusual(200_000, with_one)


def test_nights_that_vary_widely_allow_for_more() -> None:
    wide = usual_of(Measure.TOKENS, [50_000, 400_000, 120_000, 300_000, 90_000, 250_000])
    narrow = usual_of(Measure.TOKENS, [180_000, 184_000, 186_000, 190_000, 185_000, 186_000])
    assert wide is not None
    assert narrow is not None
    assert not is_unusual(450_000, wide)
    assert is_unusual(450_000, narrow)


def test_nights_all_alike_leave_room_for_small_change() -> None:
    usual = usual_of(Measure.LENGTH, [600_000] * 6)
    assert usual is not None
    assert not is_unusual(700_000, usual)
    assert is_unusual(1_000_000, usual)
    assert nights_since([1_000_000, 990_000, 600_000, 990_000], usual) == 2
