"""One measured figure, and how a list of them is shown."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Figure:
    """A measured value with what it must reach (floor) and what it should (goal).

    ``value`` None means it was not measured; ``note`` then says why. ``most`` turns the comparison
    round: such a figure must stay below its floor and goal.
    """

    name: str
    value: float | None
    unit: str = ""
    floor: float | None = None
    goal: float | None = None
    most: bool = False
    note: str = ""

    def reaches(self, bar: float | None) -> bool | None:
        if bar is None or self.value is None:
            return None
        return self.value <= bar if self.most else self.value >= bar

    def as_json(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "value": self.value,
            "unit": self.unit,
            "better": "less" if self.most else "more",
            "floor": self.floor,
            "floor_reached": self.reaches(self.floor),
            "goal": self.goal,
            "goal_reached": self.reaches(self.goal),
            "note": self.note,
        }


def at_least(
    name: str, value: float | None, floor: float, goal: float | None = None, unit: str = "x",
    note: str = "",
) -> Figure:  # fmt: skip
    return Figure(name, value, unit, floor, goal, note=note)


def at_most(
    name: str, value: float | None, floor: float, goal: float | None = None, unit: str = "s",
    note: str = "",
) -> Figure:  # fmt: skip
    return Figure(name, value, unit, floor, goal, most=True, note=note)


def plain(name: str, value: float | None, unit: str, note: str = "") -> Figure:
    """A figure nothing is asked of; the others are ratios to it."""
    return Figure(name, value, unit, note=note)


def ratio(value: float | None, to: float | None) -> float | None:
    return value / to if value is not None and to else None


_HEADINGS = ("measure", "value", "floor", "", "goal", "", "")


def table(figures: Iterable[Figure]) -> str:
    """All figures, one a line."""
    rows = [_HEADINGS, *map(_cells, figures)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(_HEADINGS))]
    return "\n".join(_line(row, widths) for row in rows)


def _line(row: tuple[str, ...], widths: list[int]) -> str:
    first, *middle, note = row
    shown = [cell.rjust(width) for cell, width in zip(middle, widths[1:-1], strict=True)]
    return "  ".join([first.ljust(widths[0]), *shown, note]).rstrip()


def _cells(figure: Figure) -> tuple[str, ...]:
    return (
        figure.name,
        "-" if figure.value is None else f"{number(figure.value)} {figure.unit}".rstrip(),
        _bar(figure, figure.floor),
        _verdict(figure.reaches(figure.floor)),
        _bar(figure, figure.goal),
        _verdict(figure.reaches(figure.goal)),
        figure.note,
    )


def _bar(figure: Figure, bar: float | None) -> str:
    if bar is None:
        return ""
    return f"{'<=' if figure.most else '>='} {number(bar)}"


def _verdict(reached: bool | None) -> str:
    return "" if reached is None else "PASS" if reached else "MISS"


def number(value: float) -> str:
    """Three figures that matter, and whole numbers from a hundred on."""
    if value and abs(value) < 100:
        return f"{value:.3g}"
    return f"{value:,.0f}"
