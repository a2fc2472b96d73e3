"""Every example, run as its own first lines say, from a copy of the folder."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
PATIENCE_S = 60


@pytest.fixture
def examples(tmp_path: Path) -> Path:
    """A copy, as the store is made beside the plan."""
    folder = tmp_path / "examples"
    shutil.copytree(ROOT / "examples", folder, ignore=shutil.ignore_patterns("__pycache__", ".*"))
    return folder


def command(folder: Path, *argv: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *argv], cwd=folder.parent, capture_output=True, text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT / "src")}, timeout=PATIENCE_S, check=False,
    )  # fmt: skip


def ran(folder: Path, plan: str, *words: str) -> dict[str, Any]:
    """The batch document of ``bydawn run``; the exit code must agree with it."""
    done = command(folder, "-m", "bydawn", "run", f"examples/{plan}", "--json", *words)
    document: dict[str, Any] = json.loads(done.stdout or "{}")
    assert document, done.stderr
    assert done.returncode == document["exit_code"]
    return document


def test_the_night(examples: Path) -> None:
    document = ran(examples, "nightly.toml", "--set", "minute=0.02")
    assert document["outcome"] == "succeeded"
    assert document["counts"]["succeeded"] == 12
    edition = document["edition"]
    page = examples / "public" / edition / "index.html"
    assert page.read_text() == f"front-page of the night {edition}, attempt 1\n"
    assert (examples / "public" / edition / "notes.md").exists()
    assert document["cost"]["usd"] == "4.28"
    assert document["serial_s"] > 1.5 * document["wall_s"]


def test_the_night_again_starts_nothing(examples: Path) -> None:
    first = ran(examples, "nightly.toml", "--set", "minute=0")
    again = ran(examples, "nightly.toml", "--set", "minute=0", "--date", first["edition"])
    assert again["counts"]["already_done"] == 12
    assert [job["attempts"] for job in again["jobs"]] == [1] * 12


def test_the_night_needs_its_setting(examples: Path) -> None:
    done = command(examples, "-m", "bydawn", "check", "examples/nightly.toml")
    assert done.returncode == 3
    assert "--set minute" in done.stderr
    assert not (examples / ".bydawn").exists()


def test_the_items(examples: Path) -> None:
    document = ran(examples, "items.toml")
    assert document["counts"]["succeeded"] == 200
    assert document["jobs"][0]["result"] == {
        "path": "/a/tides-01/", "title": "Tides and the night, part 1", "minutes": 1,
    }  # fmt: skip
    assert document["jobs"][-1]["tags"] == {"site": "d"}
    assert ran(examples, "items.toml")["counts"]["already_done"] == 200


def test_a_record_file_cut_short_is_refused(examples: Path) -> None:
    path = examples / "records.jsonl"
    path.write_text("".join(path.read_text().splitlines(keepends=True)[:199]))
    done = command(examples, "-m", "bydawn", "run", "examples/items.toml")
    assert done.returncode == 3
    assert "199 items, but items_expect = 200" in done.stderr


def test_the_python_batch(examples: Path) -> None:
    first = command(examples, "examples/python_batch.py")
    assert first.stdout.splitlines() == [
        "succeeded: 200 of 200",
        "already done before: 0",
        "the first: {'path': '/a/tides-01/', 'title': 'Tides and the night, part 1', 'minutes': 1}",
    ], first.stderr
    again = command(examples, "examples/python_batch.py")
    assert "already done before: 200" in again.stdout
    assert (first.returncode, again.returncode) == (0, 0)
