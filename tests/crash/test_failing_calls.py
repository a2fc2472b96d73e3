"""Calls of the system fail under a real runner and its supervisors, at any moment and for any time:
the store, the folders of the runs, what is published. Once they work, nothing is lost or double."""

from __future__ import annotations

import random
import sys
from pathlib import Path

import pytest
from aftermath import harm_after, prepared, troubled
from failing import FOR_EVER, HARMLESS, KINDS, PLACES, Fault, Faults, built
from nightly import Night

from layers import Count

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="stands before glibc")
_LENGTHS = (0, 0, 2, 20, FOR_EVER)


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return built(tmp_path_factory.mktemp("library"))


class Scene:
    """A fresh night at each number, with calls that can be made to fail."""

    def __init__(self, folder: Path, library: Path) -> None:
        self._folder, self._library = folder, library
        self._calls = {place: self._counted(place) for place in PLACES}

    def drawn(self, number: int) -> Fault:
        """Every kind at every place in turn; the moment and the length by chance."""
        chance = random.Random(f"fault {number}")
        kind, place = list(KINDS)[number % 4], PLACES[number // 4 % 3]
        first = chance.randrange(1, self._calls[place] + 1)
        return Fault(kind, place, first, chance.choice(_LENGTHS[: 4 if kind in HARMLESS else 5]))

    def play(self, number: int, fault: Fault) -> tuple[list[str], int]:
        """What is wrong afterwards, and how many calls failed."""
        night, faults = self._night(f"night-{number}", fault.place)
        faults.strike(fault)
        told = troubled(night)
        faults.lift()
        found, struck = told.harm, faults.struck
        if fault.kind in HARMLESS and told.code:
            found.append(f"exit code {told.code} although nothing was lost")
        faults.close()
        night.more.clear()
        return found + harm_after(night), struck

    def _night(self, name: str, place: str) -> tuple[Night, Faults]:
        folder = self._folder / name
        folder.mkdir()
        faults = Faults(folder, self._library)
        return prepared(Night(folder, faults.environment(place))), faults

    def _counted(self, place: str) -> int:
        night, faults = self._night(f"whole-{PLACES.index(place)}", place)
        assert troubled(night).code == 0
        assert (faults.seen > 10, faults.struck) == (True, 0)
        return faults.seen


@pytest.mark.prove("calls of the system that fail")
@pytest.mark.timeout(36_000)
@pytest.mark.parametrize("part", range(2))
def test_failing_calls(
    tmp_path: Path, library: Path, prove_size: int, part: int, trials: Count
) -> None:
    scene, all_struck = Scene(tmp_path, library), 0
    count = max(6, prove_size // 2)
    trials(count)
    for number in range(part * count, (part + 1) * count):
        fault = scene.drawn(number)
        found, struck = scene.play(number, fault)
        assert found == [], f"{fault}: {found}"
        all_struck += struck
    assert all_struck > count, "too few calls failed to prove anything"
