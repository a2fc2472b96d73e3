"""Help: examples that work come first, and nothing that can be typed goes without a word."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import pytest

from bydawn.app.backends import BUILT_IN
from bydawn.cli import menu
from bydawn.cli.codes import EXIT_CODES
from bydawn.cli.entry import main
from bydawn.cli.program import program
from bydawn.core.errors import BydawnError
from bydawn.plan import json_schema


def below(command: click.Command, ctx: click.Context, name: str) -> Iterator[tuple[str, Any]]:
    """The command and all under it, by what is typed."""
    if name:
        yield name, command
    if isinstance(command, click.Group):
        for one in command.list_commands(ctx):
            found = command.get_command(ctx, one)
            assert found is not None
            yield from below(found, ctx, f"{name} {one}".strip())


ROOT = program()
COMMANDS = dict(below(ROOT, click.Context(ROOT), ""))
EXAMPLES = sorted(
    {line for one in COMMANDS.values() for line in getattr(one, "examples", ())} | {*menu.EXAMPLES}
)


@pytest.mark.parametrize("name", COMMANDS)
def test_examples_come_first(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*name.split(), "--help"]) == 0
    said = capsys.readouterr().out
    assert said.startswith(f"Examples:\n  bydawn {name.split()[0]}")
    assert said.index("Usage:") < said.index("Anywhere:")


@pytest.mark.parametrize("name", COMMANDS)
def test_every_flag_has_its_words(name: str) -> None:
    options = [one for one in COMMANDS[name].params if isinstance(one, click.Option)]
    assert [one.opts for one in options if not one.help] == []
    assert COMMANDS[name].help


def written() -> Iterator[str]:
    """Every command line of ours in a block of code of the pages, but for what holds a variable:
    that is only run, where its page is."""
    for page in (PROJECT / "README.md", *sorted((PROJECT / "docs").rglob("*.md"))):
        for language, block in _BLOCK.findall(page.read_text("utf-8")):
            if language in ("", "bash", "yaml"):
                lines = _COMMAND.findall(block.replace("\\\n", " "))
                yield from (line for line in lines if "$" not in _SHELL.split(line)[0])


PROJECT = Path(__file__).parents[2]
_BLOCK = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)
_COMMAND = re.compile(r"^(?:\w*\$ |\s*- run: |\s*run: )?(bydawn [a-z-][^\n]*)$", re.MULTILINE)
_SHELL = re.compile(r" (?:[|&>;]|2>|\|\||&&)|;|$|…")
WRITTEN = sorted({*written()})


def test_the_pages_have_commands() -> None:
    assert len(WRITTEN) > 80
    verbs = {words[1] for words in map(str.split, WRITTEN) if len(words) > 1}
    assert {"run", "serve", "stop", "notify", "schedule", "lease", "db"} - verbs <= {"db"}


@pytest.mark.parametrize("line", [*EXAMPLES, *WRITTEN])
def test_an_example_is_understood(line: str) -> None:
    """Parsed as it is typed, up to where the shell takes over, and not carried out."""
    words = shlex.split(_SHELL.split(line)[0], comments=True)
    assert words[0] == "bydawn"
    command: click.Command = ROOT
    ctx = click.Context(ROOT, info_name="bydawn")
    rest = words[1:]
    while isinstance(command, click.Group) and rest and rest[0] in command.list_commands(ctx):
        found = command.get_command(ctx, rest.pop(0))
        assert found is not None
        command = found
    if command is not ROOT:
        command.make_context(command.name, rest)


def test_the_codes_of_all_errors_have_their_words() -> None:
    kinds = [BydawnError]
    for kind in kinds:
        kinds += kind.__subclasses__()
    assert {kind.exit_code for kind in kinds} - set(EXIT_CODES) == set()


def test_run_tells_how_it_exits(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", "--help"]) == 0
    said = capsys.readouterr().out
    assert all(words in said for words in EXIT_CODES.values())


def test_every_key_of_a_plan_has_its_words() -> None:
    schema = json_schema({name: row.offer for name, row in BUILT_IN.items()})
    tables = {"": schema, **schema["$defs"]}
    own = {name: one for name, one in tables.items() if not name or name.endswith(_TABLES)}
    silent = [
        f"{name}.{key}"
        for name, table in own.items()
        for key, says in table.get("properties", {}).items()
        if name != "BackendTable" and not says.get("description")
    ]
    assert silent == []


_TABLES = ("Table", "Budget", "Fields", "From", "Step")


def test_the_next_command_is_talk(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """On stderr, one line; programs and -q get none."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "p.toml").write_text('name = "p"\n[[job]]\nid = "one"\nshell = "echo hi"\n')
    lines = {
        ("check", "p.toml"): "bydawn run p.toml does it; bydawn rehearse p.toml only plays it",
        ("run", "p.toml", "--progress", "none"): "bydawn report p tells what happened",
        ("status",): "bydawn report p tells what happened there",
        ("show", "p/one"): "bydawn logs p/one shows what it printed",
    }
    for words, line in lines.items():
        assert main(words) == 0
        assert capsys.readouterr().err == f"{line}\n"
        for hush in ("-q", "--json"):
            assert main([*words, hush]) == 0
            assert capsys.readouterr().err == ""


MISSING = (
    "bydawn: Missing option '--as'. Choose from: succeeded, failed, retry, approve:"
    " bydawn resolve --help shows how\n"
)
GONE = (
    "gone.toml: there is no such file (bydawn init writes a first plan)\n"
    "1 error. Nothing was started.\n"
)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("statu",), 'bydawn: statu: no such verb, did you mean "status"?\n'),
        (("resolve", "a/b"), MISSING),
        (("check", "gone.toml"), GONE),
    ],
)  # fmt: skip
def test_a_mistake_is_answered_with_what_to_do(
    words: tuple[str, ...], said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    assert main(words) in (2, 3)
    assert capsys.readouterr().err == said
