"""``bydawn watch``: the live screen of a batch that somebody else is at work on."""

from __future__ import annotations

from threading import Event
from typing import TYPE_CHECKING

import click

from bydawn.cli.addressing import batch_argument
from bydawn.cli.faces import FORMS, face_for
from bydawn.cli.opening import opened, reading_of
from bydawn.cli.picking import newest_batch
from bydawn.cli.settings import Settings
from bydawn.cli.steering import hands_of_watcher
from bydawn.cli.talk import Talk
from bydawn.cli.verb import verb
from bydawn.watch import report, wording
from bydawn.watch.documents import batch_document, batch_state, standing_of

if TYPE_CHECKING:
    from bydawn.app import App
    from bydawn.watch.rows import Batch

_LOOK_S = 0.25


@verb("bydawn watch nightly", "bydawn watch --progress json")
@batch_argument()
@click.option("--progress", type=click.Choice(FORMS), default="auto", help="What to show.")
def watch(settings: Settings, talk: Talk, batch: str | None, progress: str) -> int:
    """Watch a batch until it is finished. Leaving changes nothing."""
    with opened(settings) as app:
        found = newest_batch(app, batch)
        woken, left = Event(), Event()
        hands = hands_of_watcher(app, left.set)
        face = face_for(talk, progress, "Ctrl-C leaves; the run goes on", hands)
        face.opened(app.store, found, 0)
        face.hear(woken.set)
        was = ""
        try:
            while not left.is_set() and (state := _state(app, found.number)) != "finished":
                if state == "interrupted" != was:
                    face.note(wording.UNSERVED)
                was = state
                woken.clear()
                face.turned()
                woken.wait(_LOOK_S)
        finally:
            face.close()
        _say(talk, app, app.store.batch(found.number))
    return 0


def _say(talk: Talk, app: App, batch: Batch) -> None:
    reading = reading_of(app)
    if talk.settings.json:
        talk.document(batch_document(reading, batch))
    else:
        talk.say_summary(report.summary(report.gather(reading, batch)))


def _state(app: App, number: int) -> str:
    batch = app.store.batch(number)
    reading = reading_of(app)
    return batch_state(reading, batch, standing_of(reading, batch))
