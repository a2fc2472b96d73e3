"""Each rule must find the fault it is there for: every one is shown a planted module."""

from __future__ import annotations

import textwrap

import hypothesis.strategies as st
import pytest
import rules_imports as imports
import rules_shape as shape
from hypothesis import given
from source import Module

KNOWN = {
    "bydawn", "bydawn.app", "bydawn.cli", "bydawn.core", "bydawn.core.model", "bydawn.plan",
    "bydawn.runner", "bydawn.store", "bydawn.web",
}  # fmt: skip


def planted(name: str, text: str) -> list[Module]:
    return [Module(name, textwrap.dedent(text))]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("bydawn.core.x", "from bydawn.store import rows"),
        ("bydawn.core.x", "import bydawn.plan.read"),
        ("bydawn.core.x", "from bydawn import app"),
        ("bydawn.core.x", "from ..store import rows"),
        ("bydawn.core.x", "def f():\n    from bydawn.store import rows"),
        ("bydawn.plan.x", "if TYPE_CHECKING:\n    from bydawn.store import rows"),
        ("bydawn.watch.x", "from bydawn.runner import loop"),
        ("bydawn.runner.x", "from bydawn import cli"),
        ("bydawn.cli.x", "from bydawn.store import rows"),
        ("bydawn.web.x", "from bydawn.cli import main"),
        ("bydawn.app", "from bydawn.cli import main"),
        ("bydawn.gates.x", "from bydawn.app import open_store"),
    ],
)
def test_an_import_upwards_or_sideways_is_found(name: str, text: str) -> None:
    assert len(list(imports.layers(planted(name, text), KNOWN))) == 1


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("bydawn.runner.x", "from bydawn.core.model import Job"),
        ("bydawn.runner.x", "from . import clock"),
        ("bydawn.cli.x", "from bydawn.app import run"),
        ("bydawn.__main__", "from bydawn.cli import main"),
        ("bydawn.core.x", "import dataclasses"),
    ],
)
def test_an_import_downwards_is_allowed(name: str, text: str) -> None:
    assert list(imports.layers(planted(name, text), KNOWN)) == []


@pytest.mark.parametrize(
    "text",
    [
        "import os.path",
        "from time import time",
        "import random",
        "from pathlib import Path",
        "from datetime import datetime\nat = datetime.now(tz)",
        "from datetime import date\nday = date.today()",
        "text = open('x').read()",
    ],
)
def test_impurity_in_the_core_is_found(text: str) -> None:
    assert len(list(imports.impure_core(planted("bydawn.core.x", text)))) == 1


def test_a_pure_path_is_pure() -> None:
    text = "from pathlib import PurePosixPath"
    assert list(imports.impure_core(planted("bydawn.core.x", text))) == []


@pytest.mark.parametrize(
    "text",
    [
        "import sqlite3",
        "rows = ask('SELECT name FROM jobs WHERE number = ?')",
        "ask(f'UPDATE jobs SET state = {state}')",
        "ask('PRAGMA synchronous')",
    ],
)
def test_sql_elsewhere_is_found(text: str) -> None:
    assert len(list(imports.sql_outside_store(planted("bydawn.watch.x", text)))) == 1
    assert list(imports.sql_outside_store(planted("bydawn.store.x", text))) == []


@pytest.mark.parametrize(
    "text",
    [
        "from subprocess import Popen",
        "import os\nos.fork()",
        "import os\nos.kill(1, 9)",
        "from os import posix_spawn",
        "import os\nos.execvp('true', ['true'])",
        "import os\nact = os.killpg",
    ],
)
def test_a_process_started_elsewhere_is_found(text: str) -> None:
    module = planted("bydawn.runner.x", text)
    assert len(list(imports.processes_outside_processes(module))) == 1
    at_home = planted("bydawn.processes.x", text)
    assert list(imports.processes_outside_processes(at_home)) == []


def test_a_sentence_is_no_sql() -> None:
    text = "say('Select what to update; nothing was deleted from the store')"
    assert list(imports.sql_outside_store(planted("bydawn.watch.x", text))) == []


def test_print_elsewhere_is_found() -> None:
    assert len(list(imports.print_outside_cli(planted("bydawn.app", "print(1)")))) == 1
    assert list(imports.print_outside_cli(planted("bydawn.cli.x", "print(1)"))) == []


def test_an_undeclared_dependency_is_found() -> None:
    text = "import os, click, tomllib\nimport requests"
    assert len(list(imports.undeclared(planted("bydawn.cli.x", text), {"click"}))) == 1


def test_a_cycle_is_found_and_a_lazy_import_is_none() -> None:
    model = Module("bydawn.core.model", "from bydawn.plan import read")
    plan = Module("bydawn.plan", "from bydawn.core.model import Job", is_package=True)
    lazy = Module("bydawn.plan", "def f():\n    from bydawn.core.model import Job", True)
    assert list(imports.cycles(imports.loading_graph([model, plan], KNOWN)))
    assert list(imports.cycles(imports.loading_graph([model, lazy], KNOWN))) == []


def _function(lines: int) -> str:
    return "def f():\n" + "    x = 1\n" * (lines - 1)


def test_length_is_counted_to_the_line() -> None:
    assert list(shape.long_functions(planted("bydawn.x", _function(40)))) == []
    assert len(list(shape.long_functions(planted("bydawn.x", _function(41))))) == 1
    assert list(shape.long_median(planted("bydawn.x", _function(8)))) == []
    assert len(list(shape.long_median(planted("bydawn.x", _function(9))))) == 1
    assert list(shape.long_files(planted("bydawn.x", "x = 1\n" * 300))) == []
    assert len(list(shape.long_files(planted("bydawn.x", "x = 1\n" * 301)))) == 1


def test_a_vague_module_is_found() -> None:
    assert len(list(shape.vague_modules(planted("bydawn.core.utils", "")))) == 1


@pytest.mark.parametrize("name", ["JobQueue", "run_tasks", "HTTPStatus", "statuses", "_lockFile"])
def test_an_avoided_word_is_found(name: str) -> None:
    found = list(shape.avoided_words(planted("bydawn.core.x", f"class {name}:\n    pass")))
    assert len(found) == 1


@given(
    st.lists(st.text("abcdefgh", min_size=2, max_size=6), max_size=3),
    st.sampled_from(sorted(shape.AVOIDED)),
    st.lists(st.text("abcdefgh", min_size=2, max_size=6), max_size=3),
)
def test_an_avoided_word_is_found_wherever_it_stands(
    before: list[str], avoided: str, after: list[str]
) -> None:
    parts = [*before, avoided, *after]
    assert avoided in shape.words("_".join(parts))
    assert avoided in shape.words("".join(part.title() for part in parts))


@pytest.mark.parametrize("name", ["Job", "block", "State", "unlocked", "contextual"])
def test_a_word_that_only_resembles_is_left_alone(name: str) -> None:
    assert list(shape.avoided_words(planted("bydawn.core.x", f"def {name}():\n    pass"))) == []


def test_the_promised_command_may_say_its_word() -> None:
    text = "def status():\n    pass"
    assert list(shape.avoided_words(planted("bydawn.cli.status", text))) == []
    assert list(shape.avoided_words(planted("bydawn.store.x", text)))


def test_missing_annotations_are_found() -> None:
    assert len(list(shape.annotations_missing(planted("bydawn.x", "import os")))) == 1
    assert list(shape.annotations_missing(planted("bydawn.x", '"""Only words."""'))) == []


def test_public_names_are_read() -> None:
    assert shape.public_names(Module("bydawn", '__all__ = ["run", "Batch"]')) == ["run", "Batch"]
    assert shape.public_names(Module("bydawn", '__all__: tuple[str, ...] = ("a",)')) == ["a"]
