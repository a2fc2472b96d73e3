"""``bydawn report``: what happened, what it cost, what needs you."""

from __future__ import annotations

import sys

import click

from bydawn.cli.addressing import batch_argument
from bydawn.cli.annotating import batch_annotations
from bydawn.cli.ending import FORMATS
from bydawn.cli.filing import report_lines, report_text
from bydawn.cli.opening import opened, reading_of
from bydawn.cli.picking import newest_batch
from bydawn.cli.settings import Settings
from bydawn.cli.talk import Talk
from bydawn.cli.verb import verb


@verb("bydawn report", "bydawn report nightly@2026-11-19 --format html > night.html",
      "bydawn report --format github      # annotations, for a CI step of its own")  # fmt: skip
@batch_argument()
@click.option("--format", "form", type=click.Choice(FORMATS), default="text", help="As what.")
def report(settings: Settings, talk: Talk, batch: str | None, form: str) -> int:
    """What happened, what it cost, what needs a person; of the newest batch if none is named."""
    with opened(settings) as app:
        found, reading = newest_batch(app, batch), reading_of(app)
        if form == "text" and not settings.json:
            talk.say_summary(report_lines(app, reading, found))
        elif form == "github" and not settings.json:
            talk.annotate(batch_annotations(app, reading, found), sys.stdout)
        else:
            talk.say_text(report_text(app, reading, found, "json" if settings.json else form))
    return 0
