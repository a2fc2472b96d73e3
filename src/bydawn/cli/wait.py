"""``bydawn wait``: until a batch or jobs are over."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from bydawn.cli.addressing import addresses_argument
from bydawn.cli.adhoc import length_of
from bydawn.cli.ending import say_ended
from bydawn.cli.faces import FORMS, face_for
from bydawn.cli.opening import is_job, opened, reading_of
from bydawn.cli.settings import Settings
from bydawn.cli.steering import hands_of_run
from bydawn.cli.talk import Talk
from bydawn.cli.verb import Joining, verb
from bydawn.core.errors import UsageError
from bydawn.watch.documents import jobs_document
from bydawn.watch.telling import job_line

if TYPE_CHECKING:
    from bydawn.app import App
    from bydawn.core.model import Job


@verb(
    "bydawn wait nightly",
    "bydawn wait j_1f0c4be8a2d9 j_77aa01b2c3d4 --for any --timeout 30m --json",
    cls=Joining,
)
@addresses_argument()
@click.option("--timeout", metavar="LENGTH", help="Give up after this long, exit 4.")
@click.option(
    "--for",
    "mode",
    type=click.Choice(["all", "any"]),
    default="all",
    help="Whether one of the jobs is enough.",
)
@click.option("--progress", type=click.Choice(FORMS), default="auto", help="What to show.")
def wait(
    settings: Settings, talk: Talk, addresses: tuple[str, ...], timeout: str | None, mode: str,
    progress: str,
) -> int:  # fmt: skip
    """Wait until a batch or jobs are over and exit as they did.

    Where no runner is at work on them, this command becomes one.
    """
    timeout_ms = length_of("--timeout", timeout)
    with opened(settings) as app:
        if all(map(is_job, addresses)):
            return _for_jobs(talk, app, addresses, mode, timeout_ms)
        if len(addresses) > 1:
            raise UsageError(
                "one batch at a time, or any number of jobs", "wait for them one by one"
            )
        return _for_batch(talk, app, addresses[0], timeout_ms, progress)


def _for_jobs(
    talk: Talk, app: App, addresses: tuple[str, ...], mode: str, timeout_ms: int | None
) -> int:
    jobs = jobs_of(app, addresses)
    ran = app.wait_jobs(jobs, mode, timeout_ms, face_for(talk, "none"))
    after = jobs_of(app, addresses)
    talk.answer(
        jobs_document(reading_of(app), after),
        [job_line(app.store.batch(job.batch).address, job) for job in after],
    )
    return ran.exit_code


def _for_batch(talk: Talk, app: App, address: str, timeout_ms: int | None, progress: str) -> int:
    batch = app.batch_at(address)
    face = face_for(talk, progress, hands=hands_of_run(app))
    face.opened(app.store, batch, 0)
    try:
        ran = app.wait_batch(batch, timeout_ms, face)
    finally:
        face.close()
    say_ended(talk, app, ran, frozenset(), False)
    return ran.exit_code


def jobs_of(app: App, addresses: tuple[str, ...]) -> list[Job]:
    """Every job the addresses name, each once, in the order they were named."""
    found = {job.number: job for address in addresses for job in app.jobs_at(address)}
    return list(found.values())
