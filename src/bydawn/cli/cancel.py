"""``bydawn cancel``: end jobs, or a whole batch."""

from __future__ import annotations

from bydawn.cli.addressing import addresses_argument
from bydawn.cli.doing import say_done
from bydawn.cli.faces import face_for
from bydawn.cli.opening import opened
from bydawn.cli.settings import Settings
from bydawn.cli.talk import Talk
from bydawn.cli.verb import verb
from bydawn.cli.wait import jobs_of


@verb("bydawn cancel nightly/article-a", "bydawn cancel nightly", "bydawn cancel j_1f0c4be8a2d9")
@addresses_argument()
def cancel(settings: Settings, talk: Talk, addresses: tuple[str, ...]) -> int:
    """End jobs. A run is ended by whoever watches it, or by this command where nobody does."""
    return end(settings, talk, addresses)


def end(settings: Settings, talk: Talk, addresses: tuple[str, ...]) -> int:
    """The answer of cancel and of ``jobs cancel``."""
    with opened(settings) as app:
        jobs = jobs_of(app, addresses)
        done = app.cancel(jobs, face_for(talk, "none"))
        batches = {job.batch: app.store.batch(job.batch).address for job in jobs}
        names = [f"{batches[job.batch]}/{job.name}" for job in jobs]
    changed = [name for name, was_open in zip(names, done, strict=True) if was_open]
    unchanged = [name for name, was_open in zip(names, done, strict=True) if not was_open]
    say_done(talk, "cancel", changed, unchanged)
    return 0
