"""How long jobs may take, from earlier editions of their plan: longest first, and when it will end.

The expected length of a job is a part of its rank, fixed when it is listed: the median of its own
successes, else that of all jobs of its [[job]], else what the plan calls usual.
"""

from __future__ import annotations

from bydawn.core.foretelling import Open
from bydawn.store.connect import Session
from bydawn.store.rows import HELD, RANK_OF_PRIORITY

_EDITIONS = 10
_EARLIER = "SELECT number FROM batch WHERE plan = ? AND number <> ? ORDER BY number DESC LIMIT ?"
# What a rank says of the length: the rest of -rank, also where the priority is negative.
_LENGTH = f"((-rank % {RANK_OF_PRIORITY}) + {RANK_OF_PRIORITY}) % {RANK_OF_PRIORITY}"


def _ranked_by(column: str) -> str:
    """Give every queued job the lower median of the lengths of what shares its ``column``."""
    return f"""
WITH past AS (
    SELECT {column} AS said, ended_at - started_at AS took,
        row_number() OVER (PARTITION BY {column} ORDER BY ended_at - started_at) AS place,
        count(*) OVER (PARTITION BY {column}) AS many
    FROM job WHERE batch IN ({_EARLIER}) AND state = 'succeeded' AND ended_at > started_at),
median AS (SELECT said, took FROM past WHERE place = (many + 1) / 2)
UPDATE job SET rank = rank + {_LENGTH} - median.took
FROM median WHERE job.batch = ? AND job.state = 'queued' AND job.{column} = median.said"""


_BY_TEMPLATE, _BY_NAME = _ranked_by("template"), _ranked_by("name")

# What a running job has left is what it is expected to take without what it has taken.
_LEFT = f"""CASE
    WHEN {_LENGTH} = 0 THEN 0
    WHEN state = 'queued' OR started_at IS NULL THEN {_LENGTH}
    WHEN {_LENGTH} > ? - started_at THEN {_LENGTH} - (? - started_at)
    ELSE 0 END"""
_OUTLOOK = f"""
SELECT CASE WHEN state = 'queued' THEN 'waiting' ELSE 'running' END AS kind, count(*),
    sum(CASE WHEN {_LENGTH} > 0 THEN 1 ELSE 0 END), sum({_LEFT}), max({_LEFT})
FROM job WHERE batch = ? AND withdrawn = 0
    AND state IN ('queued', 'launching', 'running', 'finishing')
GROUP BY kind"""
_USUAL = """
SELECT sum(ended_at - started_at), count(*) FROM job
WHERE batch = ? AND state = 'succeeded' AND ended_at > started_at"""
# The words of the index of what is in flight, however much is not.
_EXPECTED = f"""
SELECT number, {_LENGTH} FROM job
WHERE batch = ? AND {HELD} AND {_LENGTH} > 0"""


def rank_by_history(session: Session, batch: int, plan: str) -> None:
    """Rank the queued jobs of a batch by how long they took in the newest other editions; inside
    the transaction that lists them."""
    earlier = (plan, batch, _EDITIONS)
    if session.row(_EARLIER, earlier) is None:
        return
    for ranked in (_BY_TEMPLATE, _BY_NAME):
        session.change(ranked, (*earlier, batch))


def outlook(session: Session, batch: int, now: int) -> tuple[Open, Open]:
    """What waits in a batch and what runs, with what is left of it."""
    rows = session.rows(_OUTLOOK, (now, now, now, now, batch))
    found = {kind: Open(jobs, int(known), int(left), int(longest))
             for kind, jobs, known, left, longest in rows}  # fmt: skip
    return found.get("waiting", Open()), found.get("running", Open())


def usual_ms(session: Session, batch: int) -> int | None:
    """What the batch's own successes took, on average."""
    total, count = session.row(_USUAL, (batch,)) or (None, 0)
    return int(total) // count if count else None


def expected(session: Session, batch: int) -> dict[int, int]:
    """How long each job in flight is expected to take in all, in ms, where anything is known."""
    return {int(number): int(length) for number, length in session.rows(_EXPECTED, (batch,))}
