"""What a long run has proved, as one table: layers, trials, violations, seconds, the bound.

A test marked ``prove("layer")`` belongs to a layer; ``trials`` counts what it tried. No violation
in n trials drawn at random leaves, at 95 %, less than 3/n; a layer that goes through all there is
has no such bound. With BYDAWN_PROVE_RECORD=FILE the lines are left there for the pages to quote.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

import pytest

from bydawn.version import __version__

RECORD = "BYDAWN_PROVE_RECORD"
Count = Callable[[int], None]
T = TypeVar("T")
_LAYER, _TRIALS, _ALL, _LEFT_OUT = "layer", "trials", "goes through all", "left out"
# Below this size a run is a slice: layers that go through all there is go through a part of it.
WHOLE_FROM = 100


@dataclass
class Layer:
    """One line of the table."""

    name: str
    trials: int = 0
    violations: int = 0
    seconds: float = 0.0
    is_whole: bool = False
    left_out: int = 0
    why: str = ""

    @property
    def bound(self) -> str:
        if self.violations:
            return "-"
        if self.left_out and not self.trials:
            return f"left out: {self.why}"
        if self.is_whole:
            return f"{self.left_out} left out" if self.left_out else "all there are"
        return f"{3 / max(1, self.trials):.1e}"


@dataclass(eq=False)
class Layers:
    """A pytest plugin that adds up what the tests of each layer say."""

    found: dict[str, Layer] = field(default_factory=dict)

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        for item in items:
            mark = item.get_closest_marker("prove")
            if mark is not None and mark.args:
                item.user_properties.append((_LAYER, mark.args[0]))
                item.user_properties.append((_ALL, bool(mark.kwargs.get("whole"))))

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        told = dict(report.user_properties)
        if _LAYER not in told:
            return
        layer = self.found.setdefault(str(told[_LAYER]), Layer(str(told[_LAYER])))
        layer.seconds += report.duration
        layer.violations += int(report.failed)
        layer.is_whole = bool(told[_ALL])
        layer.left_out += int(report.skipped)
        layer.why = _reason(report) or layer.why
        if report.when == "call" and not report.skipped:
            layer.trials += int(str(told.get(_TRIALS, 1)))
            layer.left_out += int(str(told.get(_LEFT_OUT, 0)))

    def pytest_terminal_summary(self, terminalreporter: Any, config: pytest.Config) -> None:
        if not self.found or hasattr(config, "workerinput"):
            return  # only where the reports of all processes come together
        for line in table(list(self.found.values())):
            terminalreporter.write_line(line)
        if os.environ.get(RECORD):
            record(list(self.found.values()), Path(os.environ[RECORD]))


def _reason(report: pytest.TestReport) -> str:
    """Why a test was left out, in its own words; empty where it was not."""
    told = report.longrepr
    return told[2].removeprefix("Skipped: ") if report.skipped and isinstance(told, tuple) else ""


def table(layers: list[Layer]) -> list[str]:
    """The lines people see at the end of ``make prove``."""
    wide = max(len(layer.name) for layer in layers)
    head = f"{'layer':{wide}} {'trials':>9} {'violations':>10} {'seconds':>8}  bound at 95 %"
    return [head, *(_line(one, wide) for one in layers)]


def _line(one: Layer, wide: int) -> str:
    numbers = f"{one.trials:>9,} {one.violations:>10} {one.seconds:>8.0f}"
    return f"{one.name:{wide}} {numbers}  {one.bound}"


def record(layers: list[Layer], file: Path) -> None:
    """Put these layers into a file of layers, in the place of their last runs."""
    words = ["git", "rev-parse", "--short=12", "HEAD"]
    commit = subprocess.run(words, capture_output=True, text=True, check=False).stdout.strip()
    when = {"date": datetime.now(UTC).date().isoformat(), "commit": commit, "version": __version__}
    known = json.loads(file.read_text("utf-8")) if file.exists() else {}
    for one in layers:
        told = {**asdict(one), "seconds": round(one.seconds), "bound": one.bound, **when}
        known[told.pop("name")] = told
    file.write_text(json.dumps(known, indent=1, sort_keys=True) + "\n", "utf-8")


def part_of(everything: Sequence[T], size: int, dearer: int = 1) -> Sequence[T]:
    """All of it, or so much of it, evenly spread, as a slice of this size has time for; of what is
    so many times dearer so many times less."""
    count = max(1, size // dearer)
    if size >= WHOLE_FROM or len(everything) <= count:
        return everything
    return [everything[n * len(everything) // count] for n in range(count)]


@pytest.fixture
def left_out(record_property: Callable[[str, object], None]) -> Count:
    """Says how much of what it should go through a test of a layer left out."""
    return lambda count: record_property(_LEFT_OUT, count)


@pytest.fixture
def trials(record_property: Callable[[str, object], None]) -> Count:
    """Says how many trials a test of a layer made, where it is more than one."""
    return lambda count: record_property(_TRIALS, count)
