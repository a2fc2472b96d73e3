"""A plan becomes a batch, or a new revision of it, in one numbered transaction of the caller."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

from bydawn.core.errors import Complaint, PlanInvalid
from bydawn.core.model import JobSpec, PlannedBatch, PlannedJob
from bydawn.core.states import Event, Reason
from bydawn.core.values import value
from bydawn.store import homes, listing
from bydawn.store.connect import Session
from bydawn.store.dependencies import release, templates
from bydawn.store.events import Told, encoded, tell
from bydawn.store.history import rank_by_history
from bydawn.store.recorded import as_recorded
from bydawn.store.rows import NEVER, digest_of, rank_of, to_json

_PLAN_FOLDER = "SELECT folder FROM plan WHERE name = ?"
_HOME_OF_BATCH = "SELECT folder, source FROM batch WHERE plan = ? AND edition = ?"
_ADD_PLAN = """
INSERT INTO plan (name, folder, recorded_at) VALUES (?, ?, ?)
ON CONFLICT (name) DO UPDATE SET folder = excluded.folder"""
_FIND_BATCH = "SELECT number, revision, deadline_at FROM batch WHERE plan = ? AND edition = ?"
_ADD_BATCH = """
INSERT INTO batch (plan, edition, folder, source, opened_at, deadline_at, closed_at, paused,
    background, revision, fingerprint, terms, refused, fenced)
VALUES (?, ?, ?, ?, ?, ?, NULL, 0, ?, 1, ?, ?, 0, 0)"""
_REVISE_BATCH = """
UPDATE batch SET folder = ?, source = ?, deadline_at = ?, closed_at = NULL, revision = revision + 1,
    fingerprint = ?, terms = ?, background = max(background, ?) WHERE number = ?"""
_ADD_REVISION = """
INSERT INTO plan_revision (batch, number, recorded_at, fingerprint, terms) VALUES (?, ?, ?, ?, ?)"""
_ADD_SPEC = """
INSERT INTO spec (batch, template, digest, body) VALUES (?, ?, ?, ?)
ON CONFLICT (batch, template, digest) DO NOTHING"""
_FIND_SPEC = "SELECT number FROM spec WHERE batch = ? AND template = ? AND digest = ?"
_DROP_TEMPLATES = "DELETE FROM template WHERE batch = ?"
_ADD_TEMPLATE = """
INSERT INTO template (batch, name, spec, position, after, expands) VALUES (?, ?, ?, ?, ?, ?)"""
_EXPANDED = "UPDATE template SET expands = 0 WHERE batch = ? AND name = ? AND expands = 1"

_WITHDRAW = """
UPDATE job SET withdrawn = 1,
    reason = CASE WHEN state = 'queued' THEN 'withdrawn' ELSE reason END,
    not_before = CASE WHEN state = 'queued' THEN ? ELSE not_before END
WHERE batch = ? AND listed < ? AND withdrawn = 0"""
_WITHDRAWN_NOW = """
SELECT number, state FROM job
WHERE batch = ? AND listed < ? AND withdrawn = 0 AND state = 'queued'"""
_REVISED_NOW = (
    "SELECT number, state FROM job WHERE batch = ? AND listed = ? AND next_spec IS NOT NULL"
)


@value
class Opened:
    """The batch a plan led to, and whether this call made it."""

    number: int
    is_new: bool
    revision: int


def open_batch(
    session: Session,
    planned: PlannedBatch,
    jobs: Iterable[PlannedJob],
    *,
    adopt_folder: bool = False,
    background: bool = False,
    is_partial: bool = False,
    adds_only: bool = False,
    machine: str = "",
) -> Opened:
    """Record a plan: new jobs are added, changed ones noted, unlisted ones withdrawn; all or
    nothing.

    ``is_partial``: the jobs are a part of the plan, nothing is withdrawn. ``adds_only``: the batch
    grows by these jobs and is otherwise left as it is. A whole plan that is recorded as it is, by
    somebody who was first, is left as it is too.
    """
    now = session.clock.utc_ms()
    planned = _claim_name(session, planned, adopt_folder, machine, now)
    found = None if is_partial or adds_only else as_recorded(session, planned, background, now)
    if found:
        return Opened(found[0], False, found[1])
    opened = _batch_row(session, planned, background, adds_only, now)
    specs = _record_specs(session, opened, planned, replaces=not (is_partial or adds_only))
    record = _grow if adds_only else _record_jobs
    record(session, opened, specs, jobs)
    rank_by_history(session, opened.number, planned.plan)
    if not opened.is_new and not adds_only:
        _tell_revised(session, opened, now)
        if not is_partial:
            _withdraw(session, opened, now)
    release(session, opened.number, templates(session, opened.number), now)
    return opened


def _claim_name(
    session: Session, planned: PlannedBatch, adopt_folder: bool, machine: str, now: int
) -> PlannedBatch:
    """The plan as it is recorded: what is a guest here leaves the folder of its batch as it is."""
    found = session.row(_PLAN_FOLDER, (planned.plan,))
    if not found or found[0] == planned.folder or adopt_folder:
        session.change(_ADD_PLAN, (planned.plan, planned.folder, now))
    elif homes.may_be_guest(session, machine, planned.plan, planned.folder):
        homes.note(session, machine, planned.plan, planned.folder)
        at_home = session.row(_HOME_OF_BATCH, (planned.plan, planned.edition))
        return replace(planned, folder=at_home[0], source=at_home[1]) if at_home else planned
    else:
        raise _used_elsewhere(planned, found[0])
    homes.note(session, machine, planned.plan, planned.folder)
    return planned


def _used_elsewhere(planned: PlannedBatch, folder: str) -> PlanInvalid:
    said = f'a plan named "{planned.plan}" was run in this store from {folder}'
    remedy = "choose another name, or say --adopt if the folder has moved"
    return PlanInvalid((Complaint(planned.source, None, "name", said, remedy),))


def _batch_row(
    session: Session, planned: PlannedBatch, background: bool, adds_only: bool, now: int
) -> Opened:
    found = session.row(_FIND_BATCH, (planned.plan, planned.edition))
    terms = to_json(planned.terms)
    if found is None:
        return _new_batch(session, planned, terms, background, now)
    number, revision, deadline_at = found
    if adds_only:
        session.change(
            "UPDATE batch SET closed_at = NULL, background = max(background, ?) WHERE number = ?",
            (int(background), number),
        )
        return Opened(number, False, revision)
    if deadline_at is None or deadline_at <= now:
        deadline_at = planned.deadline_at
    session.change(
        _REVISE_BATCH,
        (planned.folder, planned.source, deadline_at, planned.fingerprint, terms,
         int(background), number),
    )  # fmt: skip
    session.change(_ADD_REVISION, (number, revision + 1, now, planned.fingerprint, terms))
    return Opened(number, False, revision + 1)


def _new_batch(
    session: Session, planned: PlannedBatch, terms: str, background: bool, now: int
) -> Opened:
    session.change(
        _ADD_BATCH,
        (planned.plan, planned.edition, planned.folder, planned.source, now, planned.deadline_at,
         int(background), planned.fingerprint, terms),
    )  # fmt: skip
    number = session.added()
    session.change(_ADD_REVISION, (number, 1, now, planned.fingerprint, terms))
    tell(session, [Told(now, number, None, "opened", detail=encoded({"batch": planned.address}))])
    return Opened(number, True, 1)


def _record_specs(
    session: Session, opened: Opened, planned: PlannedBatch, replaces: bool
) -> dict[str, tuple[int, JobSpec]]:
    if replaces:
        session.change(_DROP_TEMPLATES, (opened.number,))
    known = {
        row[0]
        for row in session.rows("SELECT name FROM template WHERE batch = ?", (opened.number,))
    }
    specs: dict[str, tuple[int, JobSpec]] = {}
    for position, spec in enumerate(planned.specs):
        number = spec_number(session, opened.number, spec)
        specs[spec.id] = (number, spec)
        if spec.id not in known:
            after = encoded({"after": list(spec.after), "when": spec.when.value})
            row = (
                opened.number,
                spec.id,
                number,
                position,
                after,
                int(spec.items_from is not None),
            )
            session.change(_ADD_TEMPLATE, row)
    return specs


def spec_number(session: Session, batch: int, spec: JobSpec) -> int:
    """The number of a spec, recorded once however often it comes."""
    body = to_json(spec)
    digest = digest_of(body)
    session.change(_ADD_SPEC, (batch, spec.id, digest, body))
    found = session.row(_FIND_SPEC, (batch, spec.id, digest))
    assert found is not None
    return int(found[0])


def _record_jobs(
    session: Session,
    opened: Opened,
    specs: dict[str, tuple[int, JobSpec]],
    jobs: Iterable[PlannedJob],
) -> None:
    rows = _job_rows(opened, specs, _awaited(session, opened, specs), jobs)
    if opened.is_new:
        listing.insert(session, rows)
    else:
        listing.relist(session, rows)
        _await_now(session, opened, specs)


def _grow(
    session: Session,
    opened: Opened,
    specs: dict[str, tuple[int, JobSpec]],
    jobs: Iterable[PlannedJob],
) -> None:
    """Jobs beside those that are there, which stay as they are."""
    listing.add(session, _job_rows(opened, specs, _awaited(session, opened, specs), jobs))
    _await_now(session, opened, specs)


def _await_now(session: Session, opened: Opened, specs: dict[str, tuple[int, JobSpec]]) -> None:
    for name in sorted({name for _, spec in specs.values() for name in spec.after}):
        listing.await_now(session, opened.number, name)


def _awaited(session: Session, opened: Opened, specs: dict[str, tuple[int, JobSpec]]) -> set[str]:
    """The [[job]]s that others wait for, in these specs and in the batch as it stands."""
    named = {name for _, spec in specs.values() for name in spec.after}
    for template in templates(session, opened.number):
        named.update(template.after)
    return named


def _job_rows(
    opened: Opened,
    specs: dict[str, tuple[int, JobSpec]],
    awaited: set[str],
    jobs: Iterable[PlannedJob],
) -> Iterator[tuple[Any, ...]]:
    shared = {
        name: (*_shared(number, spec), int(name in awaited))
        for name, (number, spec) in specs.items()
    }
    for job in jobs:
        number, backend, pool, rank, reason, not_before, is_awaited = shared[job.template]
        yield (
            opened.number, job.template, job.name, job.key, number, job.item, job.tags, pool, rank,
            job.position, job.place, opened.revision, reason, not_before, is_awaited, backend,
        )  # fmt: skip


def _shared(number: int, spec: JobSpec) -> tuple[int, str, str, int, str | None, int]:
    waits = bool(spec.after)
    reason = Reason.DEPENDENCY.value if waits else None
    not_before = NEVER if waits else 0
    return number, spec.backend, spec.pool or "", rank_of(spec), reason, not_before


def _tell_revised(session: Session, opened: Opened, now: int) -> None:
    detail = encoded({"revision": opened.revision})
    tell(session, [Told(now, opened.number, None, "revised", detail=detail)])
    changed = session.rows(_REVISED_NOW, (opened.number, opened.revision))
    tell(session, (_moved(now, opened, Event.REVISED, *row) for row in changed))


def _withdraw(session: Session, opened: Opened, now: int) -> None:
    gone = session.rows(_WITHDRAWN_NOW, (opened.number, opened.revision))
    session.change(_WITHDRAW, (NEVER, opened.number, opened.revision))
    tell(session, (_moved(now, opened, Event.WITHDRAWN, *row) for row in gone))


def _moved(now: int, opened: Opened, event: Event, job: int, state: str) -> Told:
    reason = Reason.WITHDRAWN.value if event is Event.WITHDRAWN else None
    return Told(now, opened.number, job, event.value, state, state, reason)


def add_items(
    session: Session, batch: int, revision: int, plan: str, spec: JobSpec,
    jobs: Iterable[PlannedJob],
) -> None:  # fmt: skip
    """Record the items an upstream job produced; from then on they are jobs like all others."""
    if session.change(_EXPANDED, (batch, spec.id)) == 0:
        return  # another runner was first
    now = session.clock.utc_ms()
    number = spec_number(session, batch, spec)
    opened = Opened(batch, False, revision)
    _record_jobs(session, opened, {spec.id: (number, spec)}, jobs)
    rank_by_history(session, batch, plan)
    tell(session, [Told(now, batch, None, "expanded", detail=encoded({"template": spec.id}))])
    release(session, batch, templates(session, batch), now)
