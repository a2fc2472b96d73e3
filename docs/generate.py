"""Write docs/lifecycle.md and docs/store.md from the code. `make docs` runs this."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from bydawn.core.states import TABLE, TERMINAL, Event, Row, State
from bydawn.store.export import columns

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


if __name__ == "__main__":
    (HERE / "store.md").write_text(store_page(columns()), encoding="utf-8")
    (HERE / "lifecycle.md").write_text(lifecycle(TABLE), encoding="utf-8")
