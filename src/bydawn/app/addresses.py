"""From what a person types to batches and jobs."""

from __future__ import annotations

import difflib
import itertools
import re
from collections.abc import Iterable

from bydawn.core.errors import UsageError
from bydawn.core.model import Job
from bydawn.store import read
from bydawn.store.store import Batch, Store

_JOB_ID = re.compile(r"j_[0-9a-f]{12}")


def batch_at(store: Store, address: str) -> Batch:
    """``nightly@2026-11-19``, or ``nightly`` for its newest edition."""
    plan, at, edition = address.partition("@")
    found = store.find_batch(plan, edition) if at else next(iter(store.batches(plan)), None)
    if found is None:
        known = store.batches()
        names = dict.fromkeys([*(b.plan for b in known), *(b.address for b in known)])
        raise _unknown(address, names)
    return found


def jobs_at(store: Store, address: str) -> list[Job]:
    """A ``j_…`` id, or ``batch/job``; the name of a [[job]] with items means all of them."""
    if _JOB_ID.fullmatch(address):
        return _by_id(store, address)
    batch_part, slash, name = address.partition("/")
    if not slash:
        return list(read.jobs(store.session, batch_at(store, address).number))
    batch = batch_at(store, batch_part)
    found = read.jobs_named(store.session, batch.number, name)
    if not found:
        known = (f"{batch_part}/{job.name}" for job in read.jobs(store.session, batch.number))
        raise _unknown(address, known)
    return found


def job_at(store: Store, address: str) -> Job:
    """Exactly one job."""
    found = jobs_at(store, address)
    if len(found) != 1:
        raise UsageError(f"{address}: names {len(found)} jobs", "name one, such as batch/job")
    return found[0]


def _by_id(store: Store, job_id: str) -> list[Job]:
    found = read.jobs_with_key(store.session, job_id.removeprefix("j_"))
    if not found:
        raise UsageError(f"{job_id}: no such job in this store", "bydawn jobs list shows them")
    if len(found) > 1:
        names = ", ".join(job.name for job in found)
        raise UsageError(f"{job_id}: names several jobs ({names})", "use batch/job instead")
    return found


def _unknown(address: str, known: Iterable[str]) -> UsageError:
    names = list(itertools.islice(known, 5000))
    close = difflib.get_close_matches(address, names, n=3)
    remedy = f"did you mean {', '.join(close)}?" if close else "bydawn status lists what there is"
    return UsageError(f"{address}: unknown", remedy)
