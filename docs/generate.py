"""Write docs/lifecycle.md, docs/store.md and docs/reference.md from the code: `make docs`."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from bydawn.app.backends import BUILT_IN
from bydawn.cli.codes import EXIT_CODES
from bydawn.cli.menu import SHARED
from bydawn.cli.program import program
from bydawn.core.states import TABLE, TERMINAL, Event, Reason, Row, State
from bydawn.plan import json_schema
from bydawn.store.export import columns
from bydawn.watch import wording

HERE = Path(__file__).resolve().parent

HEAD = """\
# The life of a job

Generated from `TABLE` in `src/bydawn/core/states.py` by `make docs`; do not edit.

A state says how far the work has come. Why a job is where it is, is a *reason*; who may move it is
a *claim*. Both stand beside the state. A move that is not below raises, and changes nothing.
"""


def lifecycle(table: Sequence[Row]) -> str:
    """The whole page."""
    parts = [HEAD, "## Where each state can lead\n", grid(table), "## Every move\n", moves(table)]
    return "\n".join([*parts, ends()])


def grid(table: Sequence[Row]) -> str:
    """From (down) to (across): `x` where a move exists, `o` where an event changes only facts."""
    widths = {state: len(state.value) for state in State}
    first = max(widths.values())
    head = " ".join([" " * first, *(state.value for state in State)])
    lines = [_grid_line(origin, table, first, widths) for origin in State]
    legend = "x: leads there; o: an event is recorded, the state stays"
    return "\n".join(["```", head, *lines, "", legend, "```", ""])


def _grid_line(origin: State, table: Sequence[Row], first: int, widths: dict[State, int]) -> str:
    reached = {state for row in table if row.from_state == origin for state in row.to_states}
    marks = {state: "o" if state == origin else "x" for state in reached}
    cells = [marks.get(state, ".").center(widths[state]) for state in State]
    return " ".join([origin.value.rjust(first), *cells]).rstrip()


def moves(table: Sequence[Row]) -> str:
    """One line an event, the states in their order of life."""
    lines = ["| from | event | to | |", "|---|---|---|---|"]
    return "\n".join([*lines, *_move_lines(table), ""])


def _move_lines(table: Sequence[Row]) -> Iterator[str]:
    order, events = list(State), list(Event)
    for row in sorted(
        table, key=lambda row: (order.index(row.from_state), events.index(row.event))
    ):
        to = ", ".join(state.value for state in row.to_states)
        yield f"| {row.from_state.value} | {row.event.value} | {to} | {row.note} |"


def ends() -> str:
    """The closing sentence."""
    names = [state.value for state in State if state in TERMINAL]
    return f"Terminal: {', '.join(names)}; final but for a person's own command.\n"


STORE_HEAD = """\
# The store, exported

The tables below are generated from `src/bydawn/store/migrations` by `make docs`; do not edit.

`bydawn db export` writes the whole store as JSON lines, from one moment of it, while others may go
on working. The first line is
`{"schema": "bydawn/export/1", "store_id", "migration", "made_at"}`, then comes one line for each
row, `{"table": "job", "row": {"number": 1, …}}`, table after table, and the last one is
`{"end": {"job": 12, …}}` with the number of rows of each: a file without it was cut short.

Instants (`_at`) are milliseconds since 1970 (UTC), lengths (`_ms`) milliseconds, money (`_micros`)
millionths of a dollar. Texts that hold JSON hold it as it was stored. What jobs were asked, with a
plan's own `env`, and what they answered is in it; what came by `pass_env` is not.
"""


def store_page(columns: Mapping[str, Sequence[str]]) -> str:
    """Every table and its columns."""
    lines = ["| table | columns |", "|---|---|"]
    lines += [f"| {table} | {', '.join(names)} |" for table, names in columns.items()]
    return "\n".join([STORE_HEAD, *lines, ""])


REFERENCE_HEAD = """\
# Reference

Generated from the code by `make docs`; do not edit. [Commands](#commands) ·
[the plan file](#the-plan-file) · [backends](#backends) · [exit codes](#exit-codes) ·
[reasons](#reasons) · [events](#events)
"""
_EVENTS_HEAD = """\
What `bydawn events --format json` calls an `event`, and the states it is found between
([the life of a job](lifecycle.md) has the whole picture). What concerns a whole batch, such as
its opening or a pause, stands in the same journal, without a job.
"""


def reference() -> str:
    """The whole page."""
    parts = [REFERENCE_HEAD, "## Commands\n", *_commands(), "## The plan file\n", *_plan_tables()]
    parts += ["## Backends\n", _backends(), "## Exit codes\n", _codes(), "## Reasons\n"]
    return "\n".join([*parts, _reasons(), "## Events\n", _EVENTS_HEAD, _events()])


def _commands() -> Iterator[str]:
    root = program()
    yield "Everywhere:\n"
    yield _rows("flag", "", ((f"`{names}`", _cell(says)) for names, says in SHARED))
    for name, command in _verbs(root, click.Context(root), ""):
        yield from _command(name, command)


def _verbs(
    command: click.Command, ctx: click.Context, name: str
) -> Iterator[tuple[str, click.Command]]:
    if isinstance(command, click.Group):
        if command.invoke_without_command:
            yield name, command
        for one in command.list_commands(ctx):
            found = command.get_command(ctx, one)
            assert found is not None, "it was listed"
            yield from _verbs(found, ctx, f"{name} {one}".strip())
    else:
        yield name, command


def _command(name: str, command: click.Command) -> Iterator[str]:
    said = " ".join((command.help or "").split("\n\n")[0].split())
    arguments = [one.make_metavar(_NO_CONTEXT) for one in command.params if _is_argument(one)]
    options = [one for one in command.params if isinstance(one, click.Option)]
    yield f"### `{' '.join(['bydawn', name, *arguments])}`\n\n{said}\n"
    examples = getattr(command, "own_examples", getattr(command, "examples", ()))
    if examples:
        yield "```bash\n" + "\n".join(examples) + "\n```\n"
    own = [option for option in options if not option.hidden and not _is_shared(option)]
    if own:
        yield _rows("flag", "", ((f"`{_cell(_flag(one))}`", _cell(one.help or "")) for one in own))


_NO_CONTEXT = click.Context(click.Command("bydawn"))


def _is_argument(parameter: click.Parameter) -> bool:
    return isinstance(parameter, click.Argument)


def _is_shared(option: click.Option) -> bool:
    return any(option.opts[0] in names.replace(",", "").split() for names, _ in SHARED)


def _flag(option: click.Option) -> str:
    names = ", ".join((*option.opts, *option.secondary_opts))
    return names if option.is_flag else f"{names} {option.make_metavar(_NO_CONTEXT)}"


def _plan_tables() -> Iterator[str]:
    """Each table of the file. ``[defaults]`` takes what a job takes, so it is not repeated."""
    schema = json_schema({name: row.offer for name, row in BUILT_IN.items()})
    for name, title in _PLACES.items():
        table = schema["$defs"][name] if name else schema
        yield f"### {title}\n"
        yield _rows("key", "if not said | ", _keys(table))


_PLACES = {
    "": "The top of the file",
    "RunTable": "`[run]`",
    "BudgetTable": "`[budget]`",
    "TagBudget": "A tag's budget",
    "PoolTable": "`[pools]`, each",
    "JobTable": "`[[job]]`, and `[defaults]`",
    "BackoffTable": "`backoff` of a job",
    "JobBudget": "`budget` of a job",
    "ExpectTable": "`expect` of a job",
    "PublishTable": "`publish` of a job, each",
    "WorkspaceTable": "`workspace` of a job",
    "ItemsFrom": "`items` from an upstream job",
    "ScriptStep": "`script` of a job, each step",
    "NotifyTable": "`[notify]`",
    "ScheduleTable": "`[schedule]`",
    "AutonomyTable": "`[autonomy]`",
}


def _keys(table: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    required = table.get("required", ())
    for name, key in table["properties"].items():
        choices = " or ".join(f"`{one}`" for one in key.get("enum", ()))
        says = "; ".join(filter(None, (key.get("description", ""), choices)))
        yield f"`{name}`", f"{_default(key, is_required=name in required)} | {_cell(says)}"


def _default(key: Mapping[str, Any], *, is_required: bool) -> str:
    value = key.get("default")
    if is_required:
        return "must be said"
    return "" if value in (None, [], {}) or isinstance(value, dict) else f"`{json.dumps(value)}`"


def _backends() -> str:
    head = "Built in; `[backends.X]` configures those that take a table.\n"
    rows = (
        (f"`{name}`", ", ".join(f"`{one}`" for one in sorted(row.offer.takes)))
        for name, row in BUILT_IN.items()
    )
    return head + "\n" + _rows("backend", "what its jobs take, of their own", rows)


def _codes() -> str:
    head = "When several apply: 8, 5, 4, 7, 1; all stand in `reasons` of the JSON document.\n"
    return head + "\n" + _rows("code", "", ((str(code), EXIT_CODES[code]) for code in EXIT_CODES))


def _reasons() -> str:
    head = "Why a job is where it is, beside its state. A closed set that scripts may rely on.\n"
    rows = ((f"`{one.value}`", _cell(wording.why(one.value))) for one in Reason)
    return head + "\n" + _rows("reason", "", rows)


def _events() -> str:
    origins = {event: [row for row in TABLE if row.event == event] for event in Event}
    rows = ((f"`{event.value}`", _between(found)) for event, found in origins.items())
    return _rows("event", "in", rows)


def _between(rows: Sequence[Row]) -> str:
    states = list(State)
    found = sorted({row.from_state for row in rows}, key=states.index)
    return ", ".join(state.value for state in found)


def _rows(first: str, other: str, rows: Iterable[tuple[str, str]]) -> str:
    """A table of two columns; a bar in ``other`` makes it three."""
    bars = "---|" * (2 + other.count("|"))
    return "\n".join(
        [f"| {first} | {other} |", f"|{bars}", *(f"| {a} | {b} |" for a, b in rows), ""]
    )


def _cell(text: str) -> str:
    return re.sub(r"\{\{.*?\}\}", r"`\g<0>`", text.replace("|", "\\|"))


if __name__ == "__main__":
    (HERE / "store.md").write_text(store_page(columns()), encoding="utf-8")
    (HERE / "lifecycle.md").write_text(lifecycle(TABLE), encoding="utf-8")
    (HERE / "reference.md").write_text(reference(), encoding="utf-8")
