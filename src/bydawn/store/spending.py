"""What jobs have spent, job by job: what ``cost`` adds up, by whatever it is asked for."""

from __future__ import annotations

from collections.abc import Iterator

from bydawn.core.values import value
from bydawn.store.connect import Session
from bydawn.store.rows import WASTED

_SPENT = f"""
SELECT b.number, j.template, j.spec, j.tags, j.backend, j.state,
    coalesce(j.intended_at, b.opened_at), j.attempts, j.usage, j.cost_micros, j.reserved_micros,
    {WASTED}
FROM batch b CROSS JOIN job j
WHERE j.batch = b.number AND (b.closed_at IS NULL OR b.closed_at >= ? OR b.opened_at >= ?)
    AND j.attempts > 0 AND coalesce(j.intended_at, b.opened_at) >= ?"""
_OF_BATCH = """
SELECT spec, tags, coalesce(sum(cost_micros), 0) FROM job
WHERE batch = ? AND attempts > 0 GROUP BY spec, tags"""


@value
class Spent:
    """One job that was launched at least once; ``launched_at`` is its last launch."""

    batch: int
    template: str
    spec: int
    tags: str
    backend: str
    state: str
    launched_at: int
    attempts: int
    usage: str | None
    cost_micros: int | None
    reserved_micros: int
    wasted_micros: int


def spent_since(session: Session, since: int) -> Iterator[Spent]:
    """Every job that was launched since, of all batches that may hold one."""
    for row in session.each(_SPENT, (since, since, since)):
        values = (*row[:-1], int(row[-1]))
        yield Spent(*values)


def spent_in(session: Session, batch: int) -> list[tuple[int, str, int]]:
    """What the jobs of a batch cost, by their spec and tags."""
    rows = session.rows(_OF_BATCH, (batch,))
    return [(int(spec), str(tags), int(usd)) for spec, tags, usd in rows]
