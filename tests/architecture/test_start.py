"""Starting must be cheap: `bydawn --version` and `--help` load nothing heavy."""

from __future__ import annotations

import ast
import subprocess
import sys
import tomllib

import pytest
from source import PRODUCT, ROOT, product

HEAVY = {"asyncio", "jinja2", "psutil", "pydantic", "rich", "sqlite3", "multiprocessing"}

faceless = pytest.mark.skipif(
    not any(module.name == f"{PRODUCT}.__main__" for module in product()),
    reason="there is no command line yet",
)


def loaded_by(statement: str) -> set[str]:
    """The top-level modules a fresh interpreter holds after the statement."""
    program = f"import sys\n{statement}\nsys.stdout.write(' '.join(sys.modules))"
    path = {"PYTHONPATH": str(ROOT / "src")}
    command = [sys.executable, "-c", program]
    ran = subprocess.run(command, env=path, capture_output=True, text=True, check=True)
    return {name.split(".")[0] for name in ran.stdout.split()}


def test_something_heavy_would_be_seen() -> None:
    assert loaded_by("import sqlite3, asyncio") & HEAVY == {"sqlite3", "asyncio"}


def test_the_values_are_light() -> None:
    assert loaded_by("import bydawn, bydawn.core.model, bydawn.core.errors") & HEAVY == set()


@faceless
def test_the_entry_point_loads_nothing_heavy() -> None:
    assert loaded_by("import bydawn.__main__") & HEAVY == set()


def test_a_runner_loads_nothing_of_what_tells_people() -> None:
    """That is the business of the process beside it, and of the plans that need it."""
    heard = loaded_by("import bydawn.app.runs.turning")
    assert "sqlite3" in heard
    assert heard & {"apprise", "http", "jinja2", "opentelemetry", "pydantic", "tomllib"} == set()


def test_values_are_made_in_the_cheap_way() -> None:
    """A frozen dataclass is compiled six times over at every start (see core/values.py); only what
    users hold is worth it."""
    words = "@dataclass(frozen=True, slots=True)"
    assert [each.name for each in product() if words in each.text] == [f"{PRODUCT}.api"]


@faceless
def test_the_entry_point_is_there() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    name, function = project["scripts"][PRODUCT].split(":")
    module = next(each for each in product() if each.name == name)
    defined = {node.name for node in module.tree.body if isinstance(node, ast.FunctionDef)}
    imported = {each.rpartition(".")[2] for each, _ in module.imports_when_loaded()}
    assert function in defined | imported
