"""The reference, written from the code. `docs/generate.py` puts it into docs/reference.md."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import click

from bydawn.app.backends import BUILT_IN
from bydawn.cli.codes import EXIT_CODES
from bydawn.cli.menu import SHARED
from bydawn.cli.program import program
from bydawn.core.offers import Offer
from bydawn.core.states import TABLE, Event, Reason, Row, State
from bydawn.plan import json_schema
from bydawn.watch import wording

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
    parts += ["## Backends\n", *_backends(), "## Exit codes\n", _codes(), "## Reasons\n"]
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


def _backends() -> Iterator[str]:
    offers = [row.offer for row in BUILT_IN.values()]
    yield "What a guarantee means stands with [the backends](guarantees.md#backends).\n"
    rows = ((f"`{one.name}`", f"{_promise(one)} | {_list(sorted(one.takes))}") for one in offers)
    yield _rows("backend", "launch guarantee | what its jobs take, of their own", rows)
    yield "Keys of `[backends.X]` of a type, with what holds if not said; `*` must be said.\n"
    tables = ((f"`{one.name}`", _list(_options(one))) for one in offers if one.options is not None)
    yield _rows("type", "keys", tables)


def _options(offer: Offer) -> Iterator[str]:
    assert offer.options is not None
    schema = offer.options().model_json_schema(by_alias=True)
    for name, key in schema["properties"].items():
        said = _default(key, is_required=False).strip("`")
        is_required = name in schema.get("required", ())
        yield f"{name}*" if is_required else f"{name} = {said}" if said else name


def _list(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def _promise(offer: Offer) -> str:
    return "its table says" if offer.needs_options else offer.guarantee_of({}).value


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
