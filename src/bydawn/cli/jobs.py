"""``bydawn jobs``: get, list and cancel."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import TYPE_CHECKING

import click

from bydawn.cli.addressing import addresses_argument, batch_argument, job_argument
from bydawn.cli.cancel import end
from bydawn.cli.opening import opened, reading_of
from bydawn.cli.settings import Settings
from bydawn.cli.show import say_job
from bydawn.cli.talk import Talk
from bydawn.cli.verb import Family, verb
from bydawn.core.states import shown
from bydawn.watch.documents import jobs_document
from bydawn.watch.telling import jobs_table

if TYPE_CHECKING:
    from bydawn.app import App
    from bydawn.core.model import Job

_STATES = ("queued", "running", "succeeded", "failed", "cancelled", "parked")


@click.group(cls=Family)
def jobs() -> None:
    """Get, list or cancel jobs."""


@verb("bydawn jobs get j_1f0c4be8a2d9 --json")
@job_argument()
def get(settings: Settings, talk: Talk, job: str) -> int:
    """One job."""
    say_job(settings, talk, job)
    return 0


@verb("bydawn jobs list nightly --state failed", "bydawn jobs list --json", name="list")
@batch_argument()
@click.option("--state", type=click.Choice(_STATES), help="Only those in this state.")
@click.option("--limit", type=click.IntRange(1), metavar="N", help="At most so many.")
def list_jobs(
    settings: Settings, talk: Talk, batch: str | None, state: str | None, limit: int | None
) -> int:
    """The jobs of a batch in input order; of all batches, newest first, when none is named."""
    with opened(settings) as app:
        if batch is None and not app.has_store():
            talk.answer({"schema": "bydawn/jobs/1", "jobs": []}, ["no jobs"])
            return 0
        found = (job for job in _all(app, batch) if state in (None, shown(job.state)))
        document = jobs_document(reading_of(app), islice(found, limit))
        talk.answer(document, [] if settings.json else jobs_table(document["jobs"]))
    return 0


@verb("bydawn jobs cancel j_1f0c4be8a2d9")
@addresses_argument()
def cancel(settings: Settings, talk: Talk, addresses: tuple[str, ...]) -> int:
    """End jobs; the same as bydawn cancel."""
    return end(settings, talk, addresses)


def _all(app: App, batch: str | None) -> Iterator[Job]:
    names = [batch] if batch is not None else [one.address for one in app.store.batches()]
    for name in names:
        yield from app.jobs_at(name)


jobs.add_command(get)
jobs.add_command(list_jobs)
jobs.add_command(cancel)
