"""A real supervisor is killed, or stops itself, exactly at each of its durable steps: before, in
and after its claim, the start of its program, the record of the end, and what it says of them."""

from __future__ import annotations

import signal
import sys
import time
from pathlib import Path

import pytest
import strike
from ready import Ready
from striking import Point, points_of, struck
from supervised import command, end_of

from bydawn.core.sightings import Ended, Launched, Vanished
from bydawn.processes import link
from bydawn.processes.runs import LocalRuns
from layers import Count, part_of

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")


@pytest.mark.parametrize(
    ("point", "has_ended"), [("claim: before", True), ("program start: before", False)]
)
def test_a_start_whose_supervisor_dies_is_not_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, point: str, has_ended: bool
) -> None:
    """The answer was waited for during half a minute, and what holds a place held it."""
    (tmp_path / "points").mkdir()
    at = [(point, 1, int(signal.SIGKILL))]
    told = {"who": "supervisor", "folder": str(tmp_path / "points"), "at": at}
    monkeypatch.setattr(link, "_BOOT", link._BOOT)
    strike.around_supervisors(told)
    runs, began = LocalRuns(tmp_path, "only"), time.monotonic()
    try:
        answer = runs.start(command(tmp_path, "one", f"echo started >> {tmp_path}/starts"))
        assert isinstance(answer, Launched)
        assert isinstance(end_of(runs, answer.handle), Ended if has_ended else Vanished)
    finally:
        runs.close()
    assert time.monotonic() - began < 15
    assert (tmp_path / "starts").exists() == has_ended


def killed(ready: Ready, point: Point | None) -> dict[str, int]:
    with struck(ready, "supervisor") as night:
        night.strike([point] if point else [])
        night.doubted = point is not None
        harm = night.to_its_end()[1]
        assert harm == [], f"killed at {point}: {harm}"
        return night.passed


def stopped(ready: Ready, point: Point) -> bool:
    with struck(ready, "supervisor") as night:
        taken = night.orphaned(point)
        assert taken.harm == [], f"stopped at {point}: {taken.harm}"
        return taken.was_stopped


def all_points(ready: Ready) -> list[Point]:
    passed = killed(ready, None)
    assert len(passed) == 18
    return points_of(passed)


@pytest.mark.wide
def test_a_few_deaths_and_stops(ready: Ready) -> None:
    points = all_points(ready)
    for point in part_of(points, 6):
        assert killed(ready, point)[point[0]] >= point[1]
    for point in part_of(points, 4):
        assert stopped(ready, point)


@pytest.mark.prove("supervisors killed at each named point, real processes", whole=True)
@pytest.mark.timeout(36_000)
def test_each_death(ready: Ready, prove_size: int, trials: Count, left_out: Count) -> None:
    points = all_points(ready)
    part = part_of(points, prove_size)
    reached = sum(killed(ready, point).get(point[0], 0) >= point[1] for point in part)
    trials(reached)
    left_out(len(points) - reached)


@pytest.mark.prove("supervisors stopped at each named point, runners killed", whole=True)
@pytest.mark.timeout(36_000)
def test_each_stop(ready: Ready, prove_size: int, trials: Count, left_out: Count) -> None:
    points = all_points(ready)
    reached = sum(stopped(ready, point) for point in part_of(points, prove_size))
    trials(reached)
    left_out(len(points) - reached)
