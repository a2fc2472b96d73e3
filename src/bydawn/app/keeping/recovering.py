"""``bydawn db recover``: after a store was put back to an older state, before anything runs."""

from __future__ import annotations

from collections.abc import Callable, Collection

from bydawn.app.app import App
from bydawn.app.backends import REGISTRY
from bydawn.app.names import RUNS
from bydawn.core.errors import Refused
from bydawn.core.model import Job, JobSpec
from bydawn.core.putting_back import is_unbroken, may_go_on
from bydawn.core.states import State
from bydawn.core.values import value
from bydawn.processes.leftovers import generations_claimed
from bydawn.processes.presence import machine_id
from bydawn.store import putting_back
from bydawn.store.store import Store


@value
class Recovered:
    """``token`` is the next that will be given out, ``left`` how many jobs go on by themselves."""

    token: int
    parked: list[Job]
    left: int


def recover(app: App) -> Recovered:
    """Move the numbers far ahead, and park what may have been launched since the backup and cannot
    be met by launching it again."""
    store = app.existing_store()
    if app.runners():
        raise Refused(
            "runners are at work on this store", "bydawn stop ends them; then say it again"
        )
    claims = _claims(app) if _is_only_machine(app, store) else None
    return recovered(store, REGISTRY.guarantee_of, claims, app.nonce)


def recovered(
    store: Store,
    guarantee_of: Callable[[JobSpec], str | None],
    claims: Callable[[Job], Collection[int]] | None,
    nonce: Callable[[], str],
) -> Recovered:
    """The same for a store on which nobody is at work. ``claims``: which generations of a job this
    machine's disk says were started here; None where others may have been elsewhere."""
    session = store.session
    jobs = putting_back.jobs_that_may_run(session)

    def is_doubtful(job: Job) -> bool:
        spec = store.spec(job.spec)
        is_met = claims is not None and is_unbroken(job.generation, claims(job))
        return not may_go_on(spec, guarantee_of(spec), is_met)

    doubtful = [job for job in jobs if is_doubtful(job)]
    token = putting_back.put_back(session, [job.number for job in doubtful], nonce)
    parked = [job for job in doubtful if job.state != State.FINISHING]
    return Recovered(token, parked, len(jobs) - len(parked))


def _claims(app: App) -> Callable[[Job], Collection[int]]:
    runs = str(app.state_folder / RUNS)
    return lambda job: generations_claimed(runs, job.job_id)


def _is_only_machine(app: App, store: Store) -> bool:
    """Whether every claim on a local run lies on this machine's disk."""
    if app.place.server_url:
        return False
    return putting_back.machines(store.session) == {machine_id(app.state_folder)}
