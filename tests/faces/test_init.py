"""``bydawn init``: what it writes is valid, runs at once, and overwrites nothing."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bydawn.app.first_hour.starting import STARTERS
from saying import Say


@pytest.mark.parametrize("starter", STARTERS)
def test_it_runs_at_once(say: Say, tmp_path: Path, starter: str) -> None:
    code, out, err = say("init", "here", "--template", starter)
    assert (code, err.count("bydawn run here/")) == (0, 1)
    (plan,) = (tmp_path / "here").glob("*.toml")
    assert f"write: here/{plan.name}\n" in out
    assert say("check", str(plan))[0] == 0
    code, out, err = say("run", str(plan), "--json")
    assert code == 0, err
    counts = json.loads(out)["counts"]
    assert counts["succeeded"] == sum(counts.values()) > 0
    assert (tmp_path / "here/.gitignore").read_text() == ".bydawn/\n"


def test_nothing_is_overwritten(say: Say, tmp_path: Path) -> None:
    (tmp_path / "nightly.toml").write_text("mine")
    (tmp_path / ".gitignore").write_text("*.pyc")
    code, _, err = say("init")
    assert (code, "nightly.toml" in err, "--force" in err) == (2, True, True)
    assert not (tmp_path / "tools").exists()
    assert (tmp_path / "nightly.toml").read_text() == "mine"
    assert say("init", "--force")[0] == 0
    assert (tmp_path / ".gitignore").read_text() == "*.pyc\n.bydawn/\n"


def test_a_second_starter_beside_the_first(say: Say, tmp_path: Path) -> None:
    assert say("init")[0] == 0
    assert say("init", "--template", "items")[0] == 0
    assert (tmp_path / ".gitignore").read_text().count(".bydawn/") == 1
