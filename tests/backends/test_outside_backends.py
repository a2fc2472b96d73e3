"""Backends of other packages: the recipe as it is printed, a broken one, one with a taken name."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from ordered import around

from bydawn.app.backends import Registry
from bydawn.processes.runs import LocalRuns
from bydawn.testing.backend_contract import CHECKS

RECIPE = Path(__file__).parents[2] / "docs/recipes/a-backend-of-your-own.md"
SOURCES = Path(__file__).parents[2] / "src"
CODE, PROOF = re.findall(r"```python\n(.*?)```", RECIPE.read_text(), re.DOTALL)
(PROJECT,) = re.findall(r"```toml\n(.*?)```", RECIPE.read_text(), re.DOTALL)
POINTS = tomllib.loads(PROJECT)["project"]["entry-points"]
ENTRY = "".join(
    f"[{group}]\n" + "".join(f"{name} = {place}\n" for name, place in points.items())
    for group, points in POINTS.items()
)


def package(folder: Path, entries: str, code: str = CODE) -> Path:
    """A package as an installer leaves it."""
    (folder / "spool-1.0.dist-info").mkdir(parents=True)
    (folder / "spool.py").write_text(code)
    (folder / "spool-1.0.dist-info" / "METADATA").write_text("Name: spool\nVersion: 1.0\n")
    (folder / "spool-1.0.dist-info" / "entry_points.txt").write_text(entries)
    return folder


def test_the_recipe_passes_the_suite_as_it_is_printed(tmp_path: Path) -> None:
    """Nothing is at hand but what the page says and what bydawn brings."""
    place = package(tmp_path / "site", ENTRY)
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "test_spool.py").write_text(PROOF)
    words = ["-q", "-p", "no:cacheprovider", "-p", "no:xdist", "tests/test_spool.py"]
    environment = {**os.environ, "PYTHONPATH": f"{place}:{SOURCES}"}
    ran = subprocess.run(
        [sys.executable, "-m", "pytest", *words], cwd=tmp_path, env=environment,
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stdout
    assert f"{len(CHECKS)} passed" in ran.stdout


def test_a_person_is_told_what_the_recipe_wants_set(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = ModuleType("spool")
    exec(CODE, made.__dict__)
    monkeypatch.chdir(tmp_path)
    runs = LocalRuns(tmp_path, "r_1")
    spool = made.Spool(around(runs, {}))
    assert spool.readiness().why_not == "no folder: set SPOOL to one"
    runs.close()


def test_the_recipe_is_a_package_that_can_be_installed() -> None:
    project = tomllib.loads(PROJECT)["project"]
    assert {"name", "version"} <= set(project)
    assert project["entry-points"] == {"bydawn.backends": {"spool": "spool:Spool"}}
    assert len(PROJECT.strip().splitlines()) == 4, "the four lines below it"


def test_the_recipe_is_as_short_as_it_says() -> None:
    lines = [line for line in CODE.splitlines() if line.strip()]
    body = lines[next(n for n, line in enumerate(lines) if line.startswith("class ")) :]
    assert len(body) <= 40


def test_a_plan_runs_on_it(tmp_path: Path) -> None:
    place, orders = package(tmp_path / "site", ENTRY), tmp_path / "orders"
    orders.mkdir()
    plan = tmp_path / "night.toml"
    plan.write_text('name = "night"\n[[job]]\nid = "a"\nbackend = "spool"\nprompt = "x"\n')
    environment = {**os.environ, "PYTHONPATH": f"{SOURCES}:{place}", "SPOOL": str(orders)}
    with bydawn(["run", str(plan), "--progress", "none"], environment) as running:
        answered = False
        while running.poll() is None:
            for order in () if answered else orders.glob("*.order"):
                order.with_suffix(".answer").write_text("done")
                answered = True
        assert running.returncode == 0
    listed = subprocess.run(
        [sys.executable, "-m", "bydawn", "backends"], env=environment, capture_output=True,
        text=True, check=True,
    ).stdout  # fmt: skip
    assert re.search(r"^spool +yes +keyed +none +spool$", listed, re.MULTILINE)
    assert re.search(r"^claude-agent +no +two-phase +none", listed, re.MULTILINE)
    assert re.search(r"^http-jobs +no +by its table", listed, re.MULTILINE)
    environment["SPOOL"] = str(tmp_path / "nowhere")
    plan.write_text(plan.read_text().replace('"night"', '"other"'))
    with bydawn(["run", str(plan)], environment) as running:
        assert running.wait() == 69


def bydawn(words: list[str], environment: dict[str, str]) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "bydawn", *words], env=environment, stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )  # fmt: skip


def registry(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, entries: str, **more: Any
) -> Registry:
    monkeypatch.syspath_prepend(str(package(tmp_path / "site", entries, **more)))
    monkeypatch.delitem(sys.modules, "spool", raising=False)
    return Registry()


def test_what_cannot_be_loaded_is_named_and_hurts_nobody_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    entries = ENTRY + "gone = nowhere:Gone\nhalf = spool:Half\n"
    code = CODE + "\n\nclass Half:\n    def launch(self, request): ...\n"
    known = registry(tmp_path, monkeypatch, entries, code=code)
    assert known["spool"].broken == ""
    assert known["gone"].broken.startswith("of the package spool cannot be loaded: ModuleNotFound")
    assert known["half"].broken == "of the package spool lacks find, poll, cancel, capabilities"
    assert known["command"].broken == ""


def test_the_name_of_a_built_in_backend_is_not_taken_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = registry(tmp_path, monkeypatch, ENTRY + "command = spool:Spool\n")
    assert known.row("command").origin == "built in"
    assert known.refused() == [("command", "spool")]
    assert "spool" in known
