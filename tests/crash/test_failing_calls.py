"""Calls of the system fail under a real runner and its supervisors, at any moment and for any time:
the store, the folders of the runs, what is published. Once they work, nothing is lost or double."""

from __future__ import annotations

import random
import shutil
import sys
from contextlib import ExitStack
from pathlib import Path

import pytest
from aftermath import harm_after, prepared, troubled
from failing import FOR_EVER, HARMLESS, KINDS, PLACES, Fault, Faults, built
from nightly import Night
from ready import Ready

from layers import Count

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="stands before glibc")
_LENGTHS = (0, 0, 2, 20, FOR_EVER)


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return built(tmp_path_factory.mktemp("library"))


class Scene:
    """A fresh night at each number, with calls that can be made to fail: those at one place by
    runners that are forked from an interpreter of its own."""

    def __init__(self, folder: Path, library: Path, well: Ready, held: ExitStack) -> None:
        self._folder, self._well = folder, well
        self._faults = {
            place: Faults(folder / f"faults-{number}", library, place)
            for number, place in enumerate(PLACES)
        }
        self._struck: dict[str, Ready] = {}
        for place, faults in self._faults.items():
            held.callback(faults.close)
            self._struck[place] = held.enter_context(Ready(faults.through))
        self._calls = {place: self._counted(place) for place in PLACES}

    def drawn(self, number: int) -> Fault:
        """Every kind at every place in turn; the moment and the length by chance."""
        chance = random.Random(f"fault {number}")
        kind, place = list(KINDS)[number % 4], PLACES[number // 4 % 3]
        first = chance.randrange(1, self._calls[place] + 1)
        return Fault(kind, place, first, chance.choice(_LENGTHS[: 4 if kind in HARMLESS else 5]))

    def play(self, number: int, fault: Fault) -> tuple[list[str], int]:
        """What is wrong afterwards, and how many calls failed."""
        night, faults = self._night(f"night-{number}", fault.place), self._faults[fault.place]
        faults.strike(fault)
        told = troubled(night)
        faults.lift()
        found, struck = told.harm, faults.struck
        if fault.kind in HARMLESS and told.code:
            found.append(f"exit code {told.code} although nothing was lost")
        night.ready = self._well
        found += harm_after(night)
        shutil.rmtree(night.folder, ignore_errors=True)
        return found, struck

    def _night(self, name: str, place: str) -> Night:
        folder = self._folder / name
        folder.mkdir()
        self._faults[place].begin()
        return prepared(Night(folder, ready=self._struck[place]))

    def _counted(self, place: str) -> int:
        assert troubled(self._night(f"whole-{PLACES.index(place)}", place)).code == 0
        faults = self._faults[place]
        assert (faults.seen > 10, faults.struck) == (True, 0)
        return faults.seen


@pytest.mark.prove("calls of the system that fail")
@pytest.mark.timeout(36_000)
def test_failing_calls(
    in_memory: Path, library: Path, ready: Ready, prove_size: int, trials: Count
) -> None:
    count, all_struck = max(12, prove_size), 0
    trials(count)
    with ExitStack() as held:
        scene = Scene(in_memory, library, ready, held)
        for number in range(count):
            fault = scene.drawn(number)
            found, struck = scene.play(number, fault)
            assert found == [], f"{fault}: {found}"
            all_struck += struck
    assert all_struck > count, "too few calls failed to prove anything"
