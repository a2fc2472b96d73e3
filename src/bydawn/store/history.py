"""How long jobs may take, from earlier editions of their plan: longest first, and when it will end.

The expected length of a job is a part of its rank, fixed when it is listed: the median of its own
successes, else that of all jobs of its [[job]], else what the plan calls usual.
"""

from __future__ import annotations

from dataclasses import dataclass

from bydawn.store.connect import Session
from bydawn.store.rows import RANK_OF_PRIORITY

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

_OUTLOOK = f"""
SELECT state, count(*), sum(CASE WHEN {_LENGTH} > 0 THEN 1 ELSE 0 END), sum({_LENGTH}),
    max({_LENGTH})
FROM job WHERE batch = ? AND withdrawn = 0
    AND state IN ('queued', 'launching', 'running', 'finishing')
GROUP BY state"""
_EXPECTED = f"SELECT number, {_LENGTH} FROM job WHERE batch = ? AND state = ? AND {_LENGTH} > 0"


def rank_by_history(session: Session, batch: int, plan: str) -> None:
    """Rank the queued jobs of a batch by how long they took in the newest other editions; inside
    the transaction that lists them."""
    earlier = (plan, batch, _EDITIONS)
    if session.row(_EARLIER, earlier) is None:
        return
    for ranked in (_BY_TEMPLATE, _BY_NAME):
        session.change(ranked, (*earlier, batch))


@dataclass(frozen=True, slots=True)
class Outlook:
    """The open jobs of one state: how many, of how many the length is known, the sum of the known
    lengths and the longest of them."""

    jobs: int
    known: int
    expected_ms: int
    longest_ms: int


def outlook(session: Session, batch: int) -> dict[str, Outlook]:
    """What is still to be done in a batch, by state."""
    rows = session.rows(_OUTLOOK, (batch,))
    return {state: Outlook(jobs, int(known), int(total), longest)
            for state, jobs, known, total, longest in rows}  # fmt: skip


def expected(session: Session, batch: int, state: str = "running") -> dict[int, int]:
    """How long each job of a state is expected to take in all, in ms, where anything is known."""
    return {int(number): int(length) for number, length in session.rows(_EXPECTED, (batch, state))}
