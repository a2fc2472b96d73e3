"""``bydawn check``: what running this plan now would do, job by job. Changes nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

from bydawn.app.backends import REGISTRY
from bydawn.app.beforehand.earning import autonomy
from bydawn.app.beforehand.retention import retention_warnings
from bydawn.app.beforehand.secrecy import secret_warnings, unset_warnings
from bydawn.app.values import Checked, CheckRow
from bydawn.core.decide.step import LOOK_MS
from bydawn.core.model import Job, JobSpec, PlannedJob
from bydawn.core.overshoot import Overshoot, may_pass, overshoot
from bydawn.core.states import State
from bydawn.plan import Plan
from bydawn.store import read
from bydawn.store.store import Batch, Store
from bydawn.watch.documents import Reading


def check(plan: Plan, reading: Reading | None, environment: Mapping[str, str], now: int) -> Checked:
    """Every job of the plan against what the store already has of it."""
    store = reading.store if reading else None
    batch = store.find_batch(plan.batch.plan, plan.batch.edition) if store else None
    known = _known(store, batch) if store and batch else {}
    specs = {spec.id: spec for spec in plan.batch.specs}
    counted: Counter[str] = Counter()
    rows = []
    for job in plan.jobs():
        counted[job.template] += 1
        rows.append(_row(job, specs[job.template], known.pop(job.key, None)))
    rows += [_withdrawn(job) for job in known.values() if job.state == State.QUEUED.value]
    bound = plan.batch.terms.bound.usd_micros
    stage = autonomy(store, plan.batch)
    worst = _overshoot(plan, (specs[name] for name in counted.elements()))
    told = (
        *plan.warnings,
        *secret_warnings(plan.batch.source, plan.batch.specs, environment),
        *retention_warnings(plan, reading, now),
        *unset_warnings(plan.batch.source, plan.batch.terms.notify, environment),
    )
    return Checked(plan, rows, told, bound, worst, stage)


def _known(store: Store, batch: Batch) -> dict[str, Job]:
    return {job.key: job for job in read.jobs(store.session, batch.number)}


def _row(planned: PlannedJob, spec: JobSpec, job: Job | None) -> CheckRow:
    action, why = _action(spec, job)
    guarantee, effects = REGISTRY.guarantee_of(spec) or "", spec.effects.value
    return CheckRow(
        planned.name, action, why, spec.backend, guarantee, effects, planned.key,
        f"j_{planned.key[:12]}", spec.bound.usd_micros, not may_pass(spec, REGISTRY.is_held_to_usd),
    )  # fmt: skip


def _action(spec: JobSpec, job: Job | None) -> tuple[str, str]:
    if job is None:
        return ("wait", f"after {', '.join(spec.after)}") if spec.after else ("start", "new key")
    if job.state == State.SUCCEEDED.value:
        return "skip", "already done"
    if job.state == State.QUEUED.value:
        return ("wait", job.reason) if job.reason == "dependency" else ("start", "not started yet")
    if job.state in (State.FAILED.value, State.CANCELLED.value):
        return "keep", f"{job.state}; --retry-failed starts it again"
    if job.state == State.PARKED.value:
        return "keep", f"parked: {job.reason}"
    return "join", f"attempt {job.attempts} is in flight"


def _withdrawn(job: Job) -> CheckRow:
    return CheckRow(job.name, "withdrawn", "no longer in the plan", "", "", "", job.key, job.job_id)


def _overshoot(plan: Plan, jobs: Iterable[JobSpec]) -> Overshoot | None:
    """Without a cap there is nothing to pass."""
    terms = plan.batch.terms
    if terms.bound.usd_micros is None:
        return None
    return overshoot(jobs, terms.parallel, LOOK_MS, REGISTRY.is_held_to_usd)
