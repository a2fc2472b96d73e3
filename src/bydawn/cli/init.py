"""``bydawn init``: a first plan."""

from __future__ import annotations

from pathlib import Path

import click

from bydawn.cli.doing import say_done
from bydawn.cli.settings import Settings
from bydawn.cli.talk import Talk
from bydawn.cli.verb import verb


@verb("bydawn init", "bydawn init nights --template items")
@click.argument("folder", metavar="[DIR]", required=False, type=click.Path(path_type=Path))
@click.option(
    "--template", "starter", type=click.Choice(["nightly", "items", "ci"]), default="nightly",
    help="nightly: one batch a day; items: one job for each record; ci: checks side by side.",
)  # fmt: skip
@click.option("--force", is_flag=True, help="Write over files that are there.")
def init(settings: Settings, talk: Talk, folder: Path | None, starter: str, force: bool) -> int:
    """Write a commented plan that runs at once, and keep .bydawn/ out of git."""
    from bydawn.app.first_hour.starting import start

    shown = folder or Path()
    started = start(settings.directory / shown, starter, overwrite=force)
    plan = shown / started.plan
    follow = f"bydawn check {plan} says what it would do; bydawn run {plan} does it"
    say_done(talk, "write", [str(shown / path) for path in started.written], [], follow)
    return 0
