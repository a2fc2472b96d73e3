"""What ``check`` and ``doctor`` say of results that a service will not keep for ever."""

from __future__ import annotations

from collections.abc import Iterator

from bydawn.app.backends import REGISTRY
from bydawn.core.errors import Complaint
from bydawn.plan import Plan
from bydawn.watch.amounts import about
from bydawn.watch.documents import Reading
from bydawn.watch.expiring import expiring

_NIGHTS = 60
_REMEDY = "where its service keeps it for longer, say keeps in the backend's table"


def retention_warnings(plan: Plan, reading: Reading | None, now: int) -> Iterator[Complaint]:
    """What may be lost tonight, then what this plan's nights so far have left behind."""
    yield from _of_plan(plan, now)
    if reading is None:
        return
    for batch in reading.store.batches(plan.batch.plan)[:_NIGHTS]:
        for one in expiring(reading, batch):
            where, told = f"{batch.address}/{one.name}", one.told(now)
            yield Complaint(plan.batch.source, None, where, told, one.command)


def _of_plan(plan: Plan, now: int) -> Iterator[Complaint]:
    """A run that outlasts its service's patience, and a night that does."""
    source, ends_at = plan.batch.source, plan.batch.deadline_at
    for spec in plan.batch.specs:
        keeps_ms = REGISTRY.keeps_ms(spec)
        if keeps_ms is None:
            continue
        kept = f"{spec.backend} keeps a result for {about(keeps_ms)}"
        if spec.limits.timeout_ms >= keeps_ms:
            told = f"{kept}, and a run may take {about(spec.limits.timeout_ms)}"
            yield Complaint(source, None, f'job "{spec.id}".timeout', told, _REMEDY)
        elif ends_at is not None and ends_at - now > keeps_ms:
            told = f"{kept}, and this night may take {about(ends_at - now)}: a runner must be alive"
            yield Complaint(source, None, f'job "{spec.id}"', told, _REMEDY)
