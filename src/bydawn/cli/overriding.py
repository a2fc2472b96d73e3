"""The flags that change what a plan says, the same for check, rehearse and run."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bydawn.core.errors import UsageError

if TYPE_CHECKING:
    from bydawn.plan import Overrides

_OPTIONS = (
    click.option(
        "-j", "--parallel", type=click.IntRange(1), metavar="N", help="So many at a time."
    ),
    click.option("--date", metavar="D", help="The edition, instead of today's."),
    click.option("--only", metavar="PAT", help="Only jobs whose name fits."),
    click.option("--set", "sets", multiple=True, metavar="K=V", help="Fills {{ set.K }}."),
    click.option(
        "--items", type=click.Path(path_type=Path), metavar="FILE", help="Items from this file."
    ),
    click.option(
        "--budget-usd",
        type=click.FloatRange(0, min_open=True),
        metavar="X",
        help="At most so many dollars for the batch.",
    ),
    click.option("--deadline", metavar="T", help="06:30, or a length like 7h30m."),
    click.option(
        "--canary", type=click.IntRange(0), metavar="N", help="So many must succeed first."
    ),
    click.option(
        "--raise-cap",
        "raises",
        multiple=True,
        metavar="NAME=VALUE",
        help="Lift a ceiling that another file set, such as budget.usd=20; it is noted.",
    ),
)
_NAMES = (
    "parallel", "date", "only", "sets", "items", "budget_usd", "deadline", "canary", "raises",
)  # fmt: skip


def overriding_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add them all, in this order."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def take_overriding(options: dict[str, Any]) -> dict[str, Any]:
    """Only those of the options that change what the plan says."""
    return {name: options[name] for name in _NAMES}


def overrides_from(options: dict[str, Any], directory: Path) -> Overrides:
    """As the plan package wants them; ``directory`` is where they were typed."""
    from bydawn.plan import Overrides

    return Overrides(
        sets=_pairs("--set", options["sets"]),
        items=_located(options["items"], directory),
        only=options["only"],
        parallel=options["parallel"],
        deadline=options["deadline"],
        canary=options["canary"],
        budget_usd=options["budget_usd"],
        date=options["date"],
        raise_cap=_pairs("--raise-cap", options["raises"]),
    )


def _located(items: Path | None, directory: Path) -> Path | None:
    """A dash is standard input wherever it is typed."""
    return items if items is None or str(items) == "-" else directory / items


def _pairs(flag: str, given: tuple[str, ...]) -> dict[str, str]:
    found: dict[str, str] = {}
    for one in given:
        name, is_pair, value = one.partition("=")
        if not is_pair or not name:
            raise UsageError(f"{flag} {one}: has no value", f"write {flag} name=value")
        if name in found:
            raise UsageError(f"{flag} {name}: is given twice", "leave one of them out")
        found[name] = value
    return found
