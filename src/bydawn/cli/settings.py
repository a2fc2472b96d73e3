"""What is said on a command line before or after any verb."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click


@dataclass(slots=True)
class Settings:
    """The options every verb takes; and the dashboard, which only the whole program can bring."""

    directory: Path = Path()
    store: str | None = None
    json: bool = False
    quiet: bool = False
    verbose: bool = False
    color: str = "auto"
    no_input: bool = False
    dashboard: Callable[..., None] | None = None


def settings_of(ctx: click.Context) -> Settings:
    return ctx.find_root().ensure_object(Settings)


def shared_options() -> list[click.Parameter]:
    """Fresh options for one more command; what is said last holds."""
    folder = click.Path(exists=True, file_okay=False, path_type=Path)
    when = click.Choice(["auto", "always", "never"])
    return [
        _option(["-C", "--directory"], "Act as if called there.", type=folder, metavar="DIR"),
        _option(["--store"], "sqlite:///PATH, instead of the nearest .bydawn/.", metavar="URL"),
        _option(["--json"], "One JSON document on stdout.", is_flag=True),
        _option(["-q", "--quiet"], "No talk on stderr.", is_flag=True),
        _option(["-v", "--verbose"], "More of it, and whole traces.", is_flag=True),
        _option(["--color"], "Colour the screen.", type=when),
        _option(["--no-input"], "Never ask.", is_flag=True),
    ]


def _option(names: list[str], says: str, **more: Any) -> click.Option:
    keep: Callable[[click.Context, click.Parameter, Any], None] = _keep
    return click.Option(names, help=says, expose_value=False, callback=keep, **more)


def _keep(ctx: click.Context, option: click.Parameter, value: Any) -> None:
    """Silence changes nothing: an option may stand before the verb, after it, or nowhere."""
    if value and option.name:
        setattr(settings_of(ctx), option.name, value)
