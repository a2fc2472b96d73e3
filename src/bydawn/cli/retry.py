"""``bydawn retry``: start finished jobs again."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bydawn.cli.addressing import addresses_argument
from bydawn.cli.doing import say_done
from bydawn.cli.opening import is_job, opened
from bydawn.cli.settings import Settings
from bydawn.cli.talk import Talk
from bydawn.cli.verb import verb
from bydawn.core.states import State

if TYPE_CHECKING:
    from bydawn.app import App
    from bydawn.core.model import Job

_UNWELL = (State.FAILED.value, State.CANCELLED.value)


@verb("bydawn retry nightly/link-audit-b", "bydawn retry nightly    # all that failed")
@addresses_argument()
def retry(settings: Settings, talk: Talk, addresses: tuple[str, ...]) -> int:
    """Let finished jobs start again; of a batch, the failed and cancelled ones.

    A succeeded job that is named gets a new revision: its effects happen once more.
    """
    changed: list[str] = []
    unchanged: list[str] = []
    with opened(settings) as app:
        for address in addresses:
            for job in _meant(app, address):
                name = f"{app.store.batch(job.batch).address}/{job.name}"
                is_started = app.store.retry(job.number, app.nonce)
                (changed if is_started else unchanged).append(name)
    follow = "they start with the next run of the plan, or with: bydawn wait "
    say_done(talk, "retry", changed, unchanged, follow + " ".join(addresses))
    return 0


def _meant(app: App, address: str) -> list[Job]:
    found = app.jobs_at(address)
    return found if is_job(address) else [job for job in found if job.state in _UNWELL]
