"""Whatever comes in: an answer, or an explanation and the right exit code; no trace, no bug."""

from __future__ import annotations

import os
import random
import shutil
from pathlib import Path

import pytest
from spoiling import ITEMS, PLAN, REPORT, damaged, spoilt

from bydawn.cli.entry import main
from bydawn.processes.report import Report
from layers import Count

EXPECTED = {0, 1, 2, 3, 4, 5, 7, 8, 69, 75}
SLICE = 60
READERS = (
    ("status",), ("status", "night"), ("show", "night/one"), ("report", "night"), ("events",),
    ("results", "night"), ("jobs", "list"), ("db", "status"), ("run", "night.toml", "-q"),
    ("retry", "night"), ("cancel", "night/two"), ("check", "night.toml"), ("wait", "night"),
)  # fmt: skip
NIGHT = b"""name = "night"
[[job]]
id = "one"
backend = "scripted"
script = [ { takes = "0s", ends = "ok" } ]
[[job]]
id = "two"
backend = "scripted"
script = [ { takes = "0s", ends = "exit 100" } ]
"""


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "alone").mkdir()
    monkeypatch.chdir(tmp_path / "alone")
    return tmp_path / "alone"


def said(argv: tuple[str, ...], capsys: pytest.CaptureFixture[str], why: object) -> int:
    code = main(argv)
    told = capsys.readouterr()
    assert code in EXPECTED, (why, argv, code, told.err[-1500:])
    assert "Traceback" not in told.err, (why, argv, told.err[-1500:])
    return code


def check_plans(here: Path, capsys: pytest.CaptureFixture[str], seeds: range) -> None:
    for seed in seeds:
        chance = random.Random(f"plan {seed}")
        is_items = chance.random() < 0.3
        (here / "night.toml").write_bytes(PLAN if is_items else spoilt(PLAN, chance))
        (here / "records.jsonl").write_bytes(spoilt(ITEMS, chance) if is_items else ITEMS)
        code = said(("check", "night.toml"), capsys, f"seed {seed}")
        assert code in (0, 3, 69), seed
        assert not (here / ".bydawn").exists(), seed


def read_reports(here: Path, seeds: range) -> None:
    for seed in seeds:
        (here / "report.jsonl").write_bytes(spoilt(REPORT, random.Random(f"report {seed}")))
        report = Report()
        report.refresh(str(here / "report.jsonl"))
        report.finish()
        assert sum(report.usage.tokens.values()) >= 0


def use_damaged(here: Path, capsys: pytest.CaptureFixture[str], seeds: range) -> None:
    (here / "night.toml").write_bytes(NIGHT)
    assert said(("run", "night.toml", "-q"), capsys, "whole") == 1
    state, whole = here / ".bydawn", here / "whole"
    good = (state / "store.db").read_bytes()
    shutil.copytree(state, whole)
    for seed in seeds:
        chance = random.Random(f"store {seed}")
        shutil.rmtree(state)
        shutil.copytree(whole, state)
        (state / "store.db").write_bytes(damaged(good, chance))
        for argv in chance.sample(READERS, 2):
            said(argv, capsys, f"seed {seed}")


def test_what_is_spoilt_was_good(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (here / "night.toml").write_bytes(PLAN)
    (here / "records.jsonl").write_bytes(ITEMS)
    assert said(("check", "night.toml"), capsys, "whole") == 0
    (here / "night.toml").write_bytes(NIGHT)
    assert said(("check", "night.toml"), capsys, "whole") == 0


def test_spoilt_plans_and_items(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    check_plans(here, capsys, range(SLICE))


def test_spoilt_reports(here: Path) -> None:
    read_reports(here, range(SLICE * 5))


def test_damaged_stores(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    use_damaged(here, capsys, range(SLICE))


@pytest.mark.prove("hostile input: plans and items")
@pytest.mark.timeout(36_000)
@pytest.mark.parametrize("part", range(4))
def test_many_spoilt_plans_and_items(
    here: Path, capsys: pytest.CaptureFixture[str], prove_size: int, part: int, trials: Count
) -> None:
    trials(prove_size * 5)
    first = SLICE + part * prove_size * 5
    check_plans(here, capsys, range(first, first + prove_size * 5))


@pytest.mark.prove("hostile input: reports of runs")
@pytest.mark.timeout(36_000)
def test_many_spoilt_reports(here: Path, prove_size: int, trials: Count) -> None:
    trials(prove_size * 50)
    read_reports(here, range(SLICE * 5, SLICE * 5 + prove_size * 50))


@pytest.mark.prove("hostile input: damaged stores")
@pytest.mark.timeout(36_000)
def test_many_damaged_stores(
    here: Path, capsys: pytest.CaptureFixture[str], prove_size: int, trials: Count
) -> None:
    trials(prove_size * 2)
    use_damaged(here, capsys, range(SLICE, SLICE + prove_size * 2))


def test_a_pipe_and_deep_nesting_are_refused_by_the_command(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whether a plan reads standard input was once asked of the file without any care."""
    os.mkfifo(here / "pipe.toml")
    (here / "deep.toml").write_text("x = " + "[" * 9000)
    for name in ("pipe.toml", "deep.toml"):
        assert said(("check", name), capsys, name) == 3
        assert said(("run", name), capsys, name) == 3
