"""The facts that a plan's trust is made of, written down when they happen."""

from __future__ import annotations

from bydawn.core.join import allowed_failures
from bydawn.core.trust import Trust, trust_fingerprint
from bydawn.store import read
from bydawn.store.connect import Session
from bydawn.store.store import Batch, Store

REHEARSED, CLEAN, ALONE, INCIDENT = "rehearsed", "clean", "alone", "incident"

_NOTE = """
INSERT INTO trust (plan, fingerprint, kind, batch, at) VALUES (?, ?, ?, ?, ?)
ON CONFLICT (plan, fingerprint, kind, batch) DO NOTHING"""
_NEWEST = "SELECT max(at) FROM trust WHERE plan = ? AND fingerprint = ? AND kind = ?"
_CLEAN_SINCE = """
SELECT count(*) FROM trust WHERE plan = ? AND fingerprint = ? AND kind = 'clean' AND at > ?"""
_LEFT_ALONE = """
SELECT batch FROM trust WHERE plan = ? AND fingerprint = ? AND kind = 'alone' AND batch NOT IN
    (SELECT batch FROM trust WHERE plan = ? AND fingerprint = ? AND kind = 'incident')
ORDER BY batch"""
_WAS_ALONE = "SELECT 1 FROM trust WHERE kind = 'alone' AND batch = ? LIMIT 1"
_NEEDS_SOMEBODY = """
SELECT 1 FROM job WHERE batch = ? AND state = 'parked' AND reason <> 'awaiting_approval' LIMIT 1"""


def note(session: Session, plan: str, fingerprint: str, kind: str, batch: int = 0) -> None:
    """Write a fact down once; the first time counts."""
    row = (plan, fingerprint, kind, batch, session.clock.utc_ms())
    session.transact(lambda: session.change(_NOTE, row))


def trust_of(store: Store, plan: str, fingerprint: str) -> Trust:
    """Where a plan stands; a night alone that has gone wrong counts, whoever saw it to its end."""
    name = (plan, fingerprint)
    incident = _newest(store.session, *name, INCIDENT)
    if unnoted_incidents(store, plan, fingerprint):
        incident = store.session.clock.utc_ms()
    rehearsed = _newest(store.session, *name, REHEARSED)
    row = store.session.row(_CLEAN_SINCE, (*name, -1 if incident is None else incident))
    return Trust(rehearsed, int(row[0]) if row else 0, incident)


def unnoted_incidents(store: Store, plan: str, fingerprint: str) -> list[int]:
    """Batches that were left alone, went wrong, and have not been written down as that."""
    found = store.session.rows(_LEFT_ALONE, (plan, fingerprint, plan, fingerprint))
    return [int(row[0]) for row in found if went_wrong(store, store.batch(int(row[0])))]


def went_wrong(store: Store, batch: Batch) -> bool:
    """Whether jobs failed beyond what is allowed, or one is parked for more than approval."""
    now = store.session.clock.utc_ms()
    standing = read.standing(store.session, batch.number, now, batch.deadline_at)
    if standing.failed > allowed_failures(batch.terms.allow_failures, standing.total):
        return True
    return store.session.row(_NEEDS_SOMEBODY, (batch.number,)) is not None


def was_alone(session: Session, batch: int) -> bool:
    """Whether anybody ever ran this batch unattended."""
    return session.row(_WAS_ALONE, (batch,)) is not None


def fingerprint_of(store: Store, batch: Batch) -> str:
    """The name of the plan a batch was last recorded with."""
    specs = [store.spec(template.spec) for template in store.templates(batch.number)]
    return trust_fingerprint(specs, batch.terms)


def _newest(session: Session, plan: str, fingerprint: str, kind: str) -> int | None:
    row = session.row(_NEWEST, (plan, fingerprint, kind))
    return None if row is None or row[0] is None else int(row[0])
