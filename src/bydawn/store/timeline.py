"""When the attempts of a batch began and ended: what a picture of the night is drawn from."""

from __future__ import annotations

from collections.abc import Iterator

from bydawn.core.values import value
from bydawn.store.connect import Session
from bydawn.store.rows import LISTED, WASTED

_SPANS = f"""
WITH longest AS (
    SELECT number FROM job WHERE batch = ? AND started_at IS NOT NULL AND {LISTED}
    ORDER BY coalesce(ended_at, started_at) - started_at DESC, number LIMIT ?
)
SELECT j.number, j.name, j.state, a.started_at, a.ended_at,
    CASE WHEN a.number = j.attempts THEN 1 ELSE 0 END
FROM longest l JOIN job j ON j.number = l.number JOIN attempt a ON a.job = j.number
WHERE a.started_at IS NOT NULL AND a.ended_at IS NOT NULL
UNION ALL
SELECT j.number, j.name, j.state, j.started_at, NULL, 1
FROM longest l JOIN job j ON j.number = l.number
WHERE j.state = 'running' AND j.started_at IS NOT NULL
ORDER BY 4, 1"""

_MOMENTS = """
SELECT a.started_at, a.ended_at FROM job j JOIN attempt a ON a.job = j.number
WHERE j.batch = ? AND a.started_at IS NOT NULL AND a.ended_at IS NOT NULL
UNION ALL
SELECT started_at, NULL FROM job
WHERE batch = ? AND state = 'running' AND started_at IS NOT NULL"""

_LOST_TRIES = f"""
SELECT j.name, j.attempts - 1,
    {WASTED},
    (SELECT error_code FROM attempt WHERE job = j.number AND number = j.attempts - 1),
    (SELECT error_message FROM attempt WHERE job = j.number AND number = j.attempts - 1)
FROM job j WHERE j.batch = ? AND j.state = 'succeeded' AND j.attempts > 1 AND {LISTED}
ORDER BY 3 DESC, 2 DESC, j.number LIMIT ?"""
_COUNT_LOST = f"""
SELECT count(*) FROM job WHERE batch = ? AND state = 'succeeded' AND attempts > 1 AND {LISTED}"""


@value
class Span:
    """One attempt of a job; ``ended_at`` None is under way. Only the last one came to the job's
    state."""

    job: int
    name: str
    state: str
    started_at: int
    ended_at: int | None
    is_last: bool


@value
class LostTries:
    """A job that came to a good end after attempts that came to none."""

    name: str
    tries: int
    wasted_micros: int
    error_code: str | None
    error_message: str | None


def spans(session: Session, batch: int, limit: int) -> list[Span]:
    """Every attempt of the jobs that took longest, in the order they began."""
    rows = session.rows(_SPANS, (batch, limit))
    return [
        Span(job, name, state, started_at, ended_at, bool(is_last))
        for job, name, state, started_at, ended_at, is_last in rows
    ]


def moments(session: Session, batch: int) -> Iterator[tuple[int, int | None]]:
    """When each attempt of a batch began and ended, in no order."""
    return ((row[0], row[1]) for row in session.each(_MOMENTS, (batch, batch)))


def lost_tries(session: Session, batch: int, limit: int) -> list[LostTries]:
    """What was tried more than once and then went well, what cost most first."""
    return [
        LostTries(name, int(tries), int(wasted), code, message)
        for name, tries, wasted, code, message in session.rows(_LOST_TRIES, (batch, limit))
    ]


def count_lost(session: Session, batch: int) -> int:
    row = session.row(_COUNT_LOST, (batch,))
    return int(row[0]) if row else 0
