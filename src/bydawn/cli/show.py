"""``bydawn show``: one job with all its attempts."""

from __future__ import annotations

from bydawn.cli.addressing import job_argument
from bydawn.cli.opening import opened, reading_of
from bydawn.cli.settings import Settings
from bydawn.cli.talk import Talk
from bydawn.cli.verb import verb
from bydawn.core.states import State
from bydawn.watch import ways
from bydawn.watch.documents import job_document
from bydawn.watch.telling import job_page


@verb("bydawn show nightly/article-a", "bydawn show j_1f0c4be8a2d9 --json", name="show")
@job_argument()
def show(settings: Settings, talk: Talk, job: str) -> int:
    """Everything about one job: how it stands and why, what it cost, all its attempts."""
    say_job(settings, talk, job)
    return 0


def say_job(settings: Settings, talk: Talk, address: str) -> None:
    """The answer of show and of ``jobs get``."""
    with opened(settings) as app:
        found = app.job_at(address)
        reading = reading_of(app)
        if talk.settings.json:
            talk.document(job_document(reading, found))
        else:
            batch = app.store.batch(found.batch)
            talk.say(*job_page(reading, batch, found, None))
            if found.state == State.SUCCEEDED.value:
                where = ways.address(batch.address, found.name, found.job_id)
                talk.lead_on(f"bydawn logs {where} shows what it printed")
