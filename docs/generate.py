"""Write docs/lifecycle.md, docs/store.md and docs/reference.md from the code, and into
docs/guarantees.md what the last long runs proved and which guards were taken away. `make docs`
runs this."""

from __future__ import annotations

import ast
import json
import runpy
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from bydawn.core.states import TABLE, TERMINAL, Event, Row, State
from bydawn.store.export import columns

HERE = Path(__file__).resolve().parent
TESTS = HERE.parent / "tests"
# Guards that tests take away inside their own process: by name, in these tuples and tables.
IN_PROCESS = (
    ("sim/test_mutants.py", "MUTANTS"), ("store/test_guards.py", "MUTANTS"),
    ("gates/test_gate_mutants.py", "CASES"),
)  # fmt: skip

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


def proof() -> dict[str, str]:
    """The generated parts of docs/guarantees.md by the names of their places."""
    record = json.loads((HERE / "proof.json").read_text(encoding="utf-8"))
    return {"proof": run_table(record), "guards": guards_table(), "model": model_table()}


def run_table(record: dict[str, Any]) -> str:
    """What the last long run of each layer tried, as it was recorded."""
    lines = [
        "| layer | trials | violations | seconds | bound at 95 % | commit |",
        "|---|--:|--:|--:|---|---|",
    ]
    for name, one in sorted(record.items()):
        numbers = f"{one['trials']:,} | {one['violations']} | {one['seconds']:,} | {one['bound']}"
        lines.append(f"| {name} | {numbers} | {one['commit']}, {one['date']} |")
    return "\n".join(lines)


def guards_table() -> str:
    """Every guard that is taken away, and the tests that must notice."""
    found = [(one.guard, one.file, one.killer) for one in _mutants()]
    for file, name in IN_PROCESS:
        text = (TESTS / file).read_text(encoding="utf-8")
        found += [(guard, "", f"tests/{file}") for guard in named_in(text, name)]
    lines = ["| guard taken away | in | noticed by |", "|---|---|---|"]
    lines += [
        f"| {guard} | {place and f'`{place}`'} | `{killer}` |" for guard, place, killer in found
    ]
    return "\n".join([f"{len(found)} of them:\n", *lines])


def model_table() -> str:
    """The variants of the model, and what spin must say of each."""
    lines = ["| protocol | |", "|---|---|"]
    variants = runpy.run_path(str(TESTS / "model" / "variants.py"))["VARIANTS"]
    lines += [f"| {one.story} | {'holds' if one.holds else 'breaks'} |" for one in variants]
    return "\n".join(lines)


def _mutants() -> Sequence[Any]:
    found: Sequence[Any] = runpy.run_path(str(TESTS / "mutants" / "guards.py"))["MUTANTS"]
    return found


def named_in(text: str, name: str) -> list[str]:
    """The words of a module's tuple of functions, or of a table's keys, read without loading it."""
    for node in ast.parse(text).body:
        if isinstance(node, ast.Assign | ast.AnnAssign) and _assigns_to(node, name):
            return [_word(part) for part in _parts(node.value)]
    return []


def _assigns_to(node: ast.Assign | ast.AnnAssign, name: str) -> bool:
    target = node.targets[0] if isinstance(node, ast.Assign) else node.target
    return isinstance(target, ast.Name) and target.id == name


def _parts(value: ast.expr | None) -> list[ast.expr]:
    if isinstance(value, ast.Dict):
        return [key for key in value.keys if key is not None]
    parts = value.elts if isinstance(value, ast.Tuple | ast.List) else []
    return [part.elts[0] if isinstance(part, ast.Tuple) else part for part in parts]


def _word(part: ast.expr) -> str:
    word = part.id if isinstance(part, ast.Name) else ast.literal_eval(part)
    return str(word).replace("_", " ")


def put_in(page: str, parts: dict[str, str]) -> str:
    """A page with its generated parts between their marks."""
    for name, text in parts.items():
        begin, end = f"<!-- {name} -->\n", f"<!-- end of {name} -->"
        before, _, rest = page.partition(begin)
        page = f"{before}{begin}{text}\n{end}{rest.partition(end)[2]}"
    return page


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


if __name__ == "__main__":
    (HERE / "store.md").write_text(store_page(columns()), encoding="utf-8")
    (HERE / "lifecycle.md").write_text(lifecycle(TABLE), encoding="utf-8")
    guarantees = HERE / "guarantees.md"
    guarantees.write_text(put_in(guarantees.read_text("utf-8"), proof()), encoding="utf-8")
    reference = runpy.run_path(str(HERE / "reference_page.py"))["reference"]
    (HERE / "reference.md").write_text(reference(), encoding="utf-8")
