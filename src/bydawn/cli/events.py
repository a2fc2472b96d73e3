"""``bydawn events``: the journal."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import TYPE_CHECKING

import click

from bydawn.cli.addressing import batch_argument
from bydawn.cli.opening import opened
from bydawn.cli.settings import Settings
from bydawn.cli.talk import Talk
from bydawn.cli.verb import verb
from bydawn.watch.feed import ALL, Feed
from bydawn.watch.journal import event_document, is_end_of_run, logfmt
from bydawn.watch.sanitise import json_text

if TYPE_CHECKING:
    from bydawn.app import App
    from bydawn.watch.rows import EventRow

_LOOK_S = 0.25


@verb(
    "bydawn events nightly -f",
    "bydawn events nightly --format logfmt       # one line per ended run",
)
@batch_argument()
@click.option("-f", "--follow", is_flag=True, help="Go on until interrupted.")
@click.option("--format", "form", type=click.Choice(["json", "logfmt"]), default="json",
              help="One object, or one line for each ended run.")  # fmt: skip
@click.option("--after", type=click.IntRange(0), default=0, metavar="SEQ", help="From there on.")
def events(
    settings: Settings, talk: Talk, batch: str | None, follow: bool, form: str, after: int
) -> int:
    """Everything that was committed, in order; of one batch, or of all."""
    with opened(settings) as app:
        number = app.batch_at(batch).number if batch is not None else ALL
        feed = Feed(app.existing_store(), number, after)
        _say_fresh(talk, app, feed, form)
        while follow and not talk.is_deaf:
            time.sleep(_LOOK_S)
            _say_fresh(talk, app, feed, form)
    return 0


def _say_fresh(talk: Talk, app: App, feed: Feed, form: str) -> None:
    for line in _lines(app, feed.fresh(), form):
        talk.say(line)
        if talk.is_deaf:
            return


def _lines(app: App, fresh: Iterator[EventRow], form: str) -> Iterator[str]:
    if form == "json":
        return (json_text(event_document(event)) for event in fresh)
    return (logfmt(app.store, event) for event in fresh if is_end_of_run(event))
