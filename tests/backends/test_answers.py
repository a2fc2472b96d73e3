"""A run whose stdout is an answer: kept whole and apart, whatever else it prints."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from ordered import until

from bydawn.core.sightings import Ended, Launched
from bydawn.processes.runs import LocalRuns, Order


@pytest.fixture
def runs(tmp_path: Path) -> Iterator[LocalRuns]:
    runs = LocalRuns(tmp_path, "runner-1")
    yield runs
    runs.close()


def _order(state: Path, script: str, **more: Any) -> Order:
    order = Order("launch-1", str(state / "runs/one"), {"PATH": "/usr/bin:/bin"}, 20_000, 500,
                  argv=("/bin/sh", "-c", script), answers=True)  # fmt: skip
    return replace(order, **more)


def _ended(runs: LocalRuns, order: Order) -> Path:
    answer = runs.start(order)
    assert isinstance(answer, Launched)
    until(lambda: isinstance(runs.look(answer.handle), Ended))
    return Path(order.folder)


def test_stdout_is_kept_apart_and_in_the_log_too(runs: LocalRuns, tmp_path: Path) -> None:
    script = "echo said; echo warned >&2; printf end"
    folder = _ended(runs, _order(tmp_path, script))
    assert (folder / "answer.log").read_text() == "said\nend"
    log = (folder / "output.log").read_text()
    assert sorted(log.replace("end", "end\n").split()) == ["end", "said", "warned"]


def test_both_stay_within_their_cap_and_keep_their_ends(runs: LocalRuns, tmp_path: Path) -> None:
    script = "echo first; yes 0123456789 | head -c 300000; echo; echo last; echo loud >&2"
    folder = _ended(runs, _order(tmp_path, script, output_cap_bytes=20_000))
    for name in ("answer.log", "output.log"):
        text = (folder / name).read_text()
        assert len(text) < 20_100
        assert text.startswith("first\n")
    assert (folder / "answer.log").read_text().endswith("\nlast\n")
    assert not list(folder.glob("*.tail"))


def test_without_it_there_is_one_log(runs: LocalRuns, tmp_path: Path) -> None:
    folder = _ended(runs, _order(tmp_path, "echo said", answers=False))
    assert (folder / "output.log").read_text() == "said\n"
    assert not (folder / "answer.log").exists()
