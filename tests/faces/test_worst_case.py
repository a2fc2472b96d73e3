"""``check`` on a capped plan: what could pass the cap, and no number that nobody knows."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from bydawn.cli.entry import main

PLAN = """
name = "night"
[run]
parallel = 2
[budget]
usd = 5.0
"""
JOB = '[[job]]\nid = "{id}"\nargv = ["true"]\nbudget = {{ usd = {usd} }}\n'


def checked(folder: Path, capsys: pytest.CaptureFixture[str], *argv: str, **bounds: float) -> str:
    plan = folder / "night.toml"
    plan.write_text(PLAN + "".join(JOB.format(id=name, usd=usd) for name, usd in bounds.items()))
    assert main(("-C", str(folder), "check", str(plan), *argv)) == 0
    return capsys.readouterr().out


def test_the_worst_is_said_in_words(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    told = checked(tmp_path, capsys, a=1, b=1, c=1, free=0)
    assert "cap $5.00: no launch passes it\n" in told
    assert "at worst: 2 runs may each pass their own bound by what is spent in the 10s" in told
    assert "no number bounds that" in told


def test_programs_get_null_where_no_number_is_known(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found: dict[str, Any] = json.loads(checked(tmp_path, capsys, "--json", a=1, free=0))
    assert found["overshoot_usd"] is None
    assert found["overshoot"] == {
        "usd": None, "runs": 1, "between_looks_s": 10.0, "uncounted_jobs": 0,
    }  # fmt: skip
    bounds = {job["job"]: (job["bound_usd"], job["overshoot_usd"]) for job in found["jobs"]}
    assert bounds == {"a": ("1.00", None), "free": ("0.00", "0.00")}


def test_what_costs_nothing_passes_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    told = checked(tmp_path, capsys, free=0)
    assert "at worst" not in told
    assert json.loads(checked(tmp_path, capsys, "--json", free=0))["overshoot_usd"] == "0.00"
