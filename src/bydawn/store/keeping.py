"""What deciding about a job's leftovers needs to know of it."""

from __future__ import annotations

from bydawn.core.model import BatchTerms
from bydawn.core.values import value
from bydawn.store.connect import Session
from bydawn.store.rows import terms_from

_KEPT = """
SELECT j.number, j.batch, b.plan, j.state, j.revision, j.generation,
    coalesce(j.ended_at, j.intended_at, b.closed_at), j.awaited, b.closed_at
FROM job j JOIN batch b ON b.number = j.batch WHERE j.key >= ? AND j.key < ?"""
_TERMS = "SELECT terms FROM batch WHERE number = ?"


@value
class Kept:
    """A job that may have left something. ``is_awaited``: others of its batch read its draft."""

    number: int
    batch: int
    plan: str
    state: str
    revision: int
    generation: int
    over_at: int | None
    is_awaited: bool
    closed_at: int | None


def job_with_id(session: Session, job_id: str) -> Kept | None:
    """The one job of this id; None where this store does not know it, or knows two."""
    prefix = job_id.removeprefix("j_")
    rows = session.rows(_KEPT, (prefix, prefix + "g"))
    if len(rows) != 1:
        return None
    row = rows[0]
    values = (*row[:7], bool(row[7]), row[8])
    return Kept(*values)


def shortest_ms(session: Session) -> int:
    """What the plan that keeps for the shortest time keeps for."""
    rows = session.rows("SELECT DISTINCT terms FROM batch")
    return min((terms_from(row[0]).keep_ms for row in rows), default=0)


def terms_of(session: Session, batch: int) -> BatchTerms:
    row = session.row(_TERMS, (batch,))
    assert row is not None, "batches are never deleted"
    return terms_from(row[0])
