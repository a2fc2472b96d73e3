"""``bydawn config``: which settings hold, and who said so."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from bydawn.cli.overriding import overrides_from, overriding_options, take_overriding
from bydawn.cli.settings import Settings
from bydawn.cli.talk import Talk
from bydawn.cli.verb import Family, verb
from bydawn.watch.sanitise import json_text
from bydawn.watch.telling import table

if TYPE_CHECKING:
    from bydawn.plan import Setting


@click.group(cls=Family)
def config() -> None:
    """Which settings hold, and who said so."""


@verb("bydawn config show --origin", "bydawn config show nightly.toml --origin")
@click.argument("plan", required=False, type=click.Path(path_type=Path))
@click.option("--origin", is_flag=True, help="And where each one was decided.")
@overriding_options
def show(settings: Settings, talk: Talk, plan: Path | None, origin: bool, **options: object) -> int:
    """Every setting that holds here, or for a plan."""
    found = _found(settings, plan, options)
    rows = [(one.name, json_text(one.value), *([one.origin] if origin else [])) for one in found]
    document = {
        "schema": "bydawn/config/1",
        "settings": [{"name": one.name, "value": one.value, "origin": one.origin} for one in found],
    }
    talk.answer(document, table(rows) if rows else ["nothing is set"])
    return 0


def _found(settings: Settings, plan: Path | None, options: dict[str, object]) -> list[Setting]:
    from bydawn.plan import settings as settings_of_plan

    path = settings.directory / plan if plan else None
    folder = path.resolve().parent if path else settings.directory.resolve()
    return settings_of_plan(
        folder,
        at=time.time_ns() // 1_000_000,
        environment=dict(os.environ),
        overrides=overrides_from(take_overriding(options), settings.directory),
        plan=path,
    )


config.add_command(show)
