"""A command that only asks who we are costs nothing; and every verb in the menu is there."""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
from pathlib import Path

import click
import pytest

from bydawn.cli.menu import ENTRIES, menu
from bydawn.cli.verb import Family, Verb
from bydawn.version import __version__

SOURCE = Path(__file__).resolve().parents[2] / "src"
HEAVY = {
    "asyncio", "click", "jinja2", "pydantic", "pydantic_core", "rich", "sqlite3", "json", "logging",
    "bydawn.store", "bydawn.app", "bydawn.plan", "bydawn.runner", "bydawn.watch",
}  # fmt: skip


def ran_with_imports(*argv: str) -> tuple[str, set[str]]:
    """What a fresh interpreter prints for a command line, and the modules it took."""
    command = [sys.executable, "-X", "importtime", "-m", "bydawn", *argv]
    environment = {"PYTHONPATH": str(SOURCE), "PATH": os.environ["PATH"]}
    ran = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    lines = (line for line in ran.stderr.splitlines() if line.startswith("import time:"))
    return ran.stdout, {line.rpartition("|")[2].strip() for line in lines}


@pytest.mark.parametrize("argv", [["--version"], ["--help"], ["-h"]])
def test_nothing_heavy_is_loaded(argv: list[str]) -> None:
    said, loaded = ran_with_imports(*argv)
    assert said.strip()
    assert "bydawn.cli.entry" in loaded
    assert loaded & HEAVY == set()


def test_something_heavy_would_be_seen() -> None:
    _, loaded = ran_with_imports("run", "--help")
    assert "click" in loaded
    assert "pydantic" not in loaded
    assert "bydawn.runner.runner" not in loaded


def test_the_version_is_the_packages() -> None:
    assert ran_with_imports("--version")[0] == f"bydawn {__version__}\n"


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.name)
def test_every_verb_is_where_the_menu_says(entry: object) -> None:
    found = getattr(importlib.import_module(f"bydawn.cli.{entry.module}"), entry.name)
    assert isinstance(found, Verb | Family)
    assert found.name == entry.name
    assert found.help
    taken = {name for one in found.params for name in one.opts}
    assert {"-C", "--store", "--json", "-q", "-v", "--color", "--no-input"} <= taken


def test_the_menu_begins_with_examples_and_hides_what_is_not_for_people() -> None:
    told = menu()
    assert told.index("Examples:") < told.index("The night:")
    assert "\n  background " not in told
    assert all(len(line) <= 80 for line in told.splitlines())


def verbs() -> list[Verb]:
    modules = [(importlib.import_module(f"bydawn.cli.{one.module}"), one.name) for one in ENTRIES]
    return [verb for module, name in modules for verb in within(getattr(module, name))]


def within(command: Verb | Family) -> list[Verb]:
    """A verb, or all verbs of a family and of the families in it."""
    if isinstance(command, Verb):
        return [command]
    return [verb for inner in command.commands.values() for verb in within(inner)]


@pytest.mark.parametrize("verb", verbs(), ids=lambda verb: verb.callback.__qualname__ + verb.name)
def test_help_begins_with_examples(verb: Verb) -> None:
    told = verb.get_help(click.Context(verb, info_name=verb.name))
    if verb.name not in ("background", "sender"):
        assert told.startswith("Examples:\n  bydawn ")
    assert "Usage:" in told


@pytest.mark.parametrize("verb", verbs(), ids=lambda verb: verb.callback.__qualname__ + verb.name)
def test_no_two_options_of_a_verb_share_a_name(verb: Verb) -> None:
    names = [name for one in verb.params for name in (*one.opts, *one.secondary_opts)]
    assert len(names) == len(set(names))
