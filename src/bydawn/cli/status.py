"""``bydawn status``: recent batches, or where one stands."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from bydawn.cli.addressing import batch_argument
from bydawn.cli.opening import opened, reading_of
from bydawn.cli.settings import Settings
from bydawn.cli.talk import Talk
from bydawn.cli.verb import verb
from bydawn.watch import report, wording
from bydawn.watch.documents import batch_document, batches_document
from bydawn.watch.follow import Following
from bydawn.watch.painting import Room, board_lines
from bydawn.watch.telling import batches_table

if TYPE_CHECKING:
    from bydawn.app import App
    from bydawn.watch.rows import Batch

_ROWS = 40


@verb("bydawn status", "bydawn status nightly", "bydawn status nightly@2026-11-19 --json")
@batch_argument()
@click.option("--limit", type=click.IntRange(1), default=20, metavar="N", help="So many batches.")
def status(settings: Settings, talk: Talk, batch: str | None, limit: int) -> int:
    """Recent batches, newest first; or one batch with its jobs."""
    with opened(settings) as app:
        if batch is not None:
            _say_batch(talk, app, batch)
        elif app.has_store():
            _say_batches(talk, app, limit)
        else:
            talk.answer({"schema": "bydawn/batches/1", "batches": []}, batches_table([], []))
        if app.is_stopped():
            talk.tell("everything is stopped: bydawn stop --clear lifts it")
    return 0


def _say_batches(talk: Talk, app: App, limit: int) -> None:
    batches = app.store.batches()[:limit]
    document = batches_document(reading_of(app), batches)
    talk.answer(document, batches_table(document["batches"], batches))
    if batches:
        talk.lead_on(_ahead(batches[0], document["batches"][0]["state"]))


def _ahead(batch: Batch, state: str) -> str:
    """What is worth typing next about the newest batch."""
    if state == "interrupted":
        return f"{batch.address}: {wording.UNSERVED}"
    verb = "watch" if state == "running" else "report"
    told = "shows it as it goes" if state == "running" else "tells what happened there"
    return f"bydawn {verb} {batch.address} {told}"


def _say_batch(talk: Talk, app: App, address: str) -> None:
    reading, batch = reading_of(app), app.batch_at(address)
    if talk.settings.json:
        talk.document(batch_document(reading, batch))
        return
    told = report.gather(reading, batch)
    if told.state == "finished":
        talk.say_summary(report.summary(told))
        return
    talk.say(f"{batch.address}: {told.state}")
    frame = Following(app.store, batch).frame(reading.now, _ROWS)
    talk.say(*board_lines(frame, Room(160, _ROWS), None))
