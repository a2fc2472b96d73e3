"""``bydawn results``: what the jobs answered, in input order."""

from __future__ import annotations

import click

from bydawn.cli.addressing import address_argument
from bydawn.cli.opening import opened
from bydawn.cli.settings import Settings
from bydawn.cli.talk import Talk
from bydawn.cli.verb import verb
from bydawn.watch.documents import results as results_of
from bydawn.watch.exports import lines_csv
from bydawn.watch.sanitise import json_text


@verb("bydawn results reshape > out.jsonl", "bydawn results reshape --format csv")
@address_argument()
@click.option("--format", "form", type=click.Choice(["jsonl", "csv"]), default="jsonl",
              help="As what.")  # fmt: skip
def results(settings: Settings, talk: Talk, address: str, form: str) -> int:
    """One line per job in input order: its state, its item and what it answered."""
    with opened(settings) as app:
        found = results_of(app.jobs_at(address))
        if form == "csv":
            talk.say_text(lines_csv(found, json_text))
        else:
            talk.say(*(json_text({"schema": "bydawn/result/1", **one}) for one in found))
    return 0
