"""``bydawn db recover``: after a store was put back to an older state, before anything runs."""

from __future__ import annotations

from bydawn.app.app import App
from bydawn.app.backends import REGISTRY
from bydawn.core.errors import Refused
from bydawn.core.model import Job
from bydawn.core.putting_back import may_go_on
from bydawn.core.values import value
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
    jobs = putting_back.jobs_that_may_run(store.session)
    behind_ms = app.clock.utc_ms() - (putting_back.last_at(store.session) or 0)
    is_only = _is_only_machine(app, store)
    parked = [job for job in jobs if _is_doubtful(store, job, is_only, behind_ms)]
    doubtful = [(job.number, store.spec(job.spec).retries) for job in parked]
    token = putting_back.put_back(store.session, doubtful, app.nonce)
    return Recovered(token, parked, len(jobs) - len(parked))


def _is_doubtful(store: Store, job: Job, is_only_machine: bool, behind_ms: int) -> bool:
    spec = store.spec(job.spec)
    return not may_go_on(spec, REGISTRY.guarantee_of(spec), is_only_machine, behind_ms)


def _is_only_machine(app: App, store: Store) -> bool:
    """Whether every claim on a local run lies on this machine's disk."""
    if app.place.server_url:
        return False
    return putting_back.machines(store.session) == {machine_id(app.state_folder)}
