"""``bydawn resolve``: a person decides about a parked job."""

from __future__ import annotations

import click

from bydawn.cli.addressing import job_argument
from bydawn.cli.opening import opened, reading_of
from bydawn.cli.settings import Settings
from bydawn.cli.talk import Talk
from bydawn.cli.verb import verb
from bydawn.core.errors import UsageError
from bydawn.core.living import run_may_live
from bydawn.core.model import Job
from bydawn.watch.documents import job_document
from bydawn.watch.telling import job_line

_ANSWERS = click.Choice(["succeeded", "failed", "retry", "approve"])


@verb(
    'bydawn resolve nightly/publish --as succeeded --reason "the page is there"',
    'bydawn resolve j_1f0c4be8a2d9 --as retry --reason "it never ran"',
)
@job_argument()
@click.option("--as", "answer", required=True, type=_ANSWERS, help="What it comes to.")
@click.option("--reason", required=True, metavar="TEXT", help="Why; kept in the journal.")
def resolve(settings: Settings, talk: Talk, job: str, answer: str, reason: str) -> int:
    """Decide about a parked job. The decision and its reason are recorded for ever."""
    if not reason.strip():
        raise UsageError("--reason is empty", "say in a few words how you know")
    with opened(settings) as app:
        found = app.job_at(job)
        app.store.resolve(found.number, answer, reason, app.nonce)
        after = app.job_at(found.job_id)
        if settings.json:
            talk.document(job_document(reading_of(app), after))
        else:
            talk.say(job_line(app.store.batch(after.batch).address, after))
        if run_may_live(found):
            talk.insist(_left_alone(found))
    return 0


def _left_alone(job: Job) -> str:
    """Nothing with a live run goes unwatched without a word."""
    return (
        f"{job.name}: its run may still be alive ({job.backend}, {job.handle}), and nobody watches"
        " it any more: end it there. bydawn cancel, before a decision, asks it to end."
    )
