"""Jobs and batches as a person looks for them: a page at a time, never all there are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bydawn.core.keys import canonical
from bydawn.core.model import Job
from bydawn.core.values import value
from bydawn.store.connect import Session
from bydawn.store.rows import HELD, JOB_FIELDS, LISTED, job_from

_COLUMNS = ", ".join(f"j.{name}" for name in JOB_FIELDS)
_SHOWN = """
CASE state WHEN 'launching' THEN 'queued' WHEN 'finishing' THEN 'running' ELSE state END"""

_NEWEST = "SELECT max(number) FROM batch GROUP BY plan"
# What is parked anywhere; what failed, until its plan has a newer batch.
_NEEDY = f"""
SELECT number, 0 AS place FROM job WHERE {HELD} AND state = 'parked'
UNION ALL
SELECT number, 1 FROM job WHERE batch IN ({_NEWEST}) AND state = 'failed' AND withdrawn = 0"""
_COUNT_NEEDY = f"SELECT count(*) FROM ({_NEEDY}) needy"
_NEEDY_JOBS = f"""
SELECT {_COLUMNS} FROM ({_NEEDY}) needy JOIN job j ON j.number = needy.number
ORDER BY needy.place, j.batch DESC, j.position, j.number LIMIT ?"""
_TROUBLED = f"""
SELECT {_COLUMNS} FROM job j WHERE j.batch = ? AND j.state IN ('failed', 'parked') AND {LISTED}
ORDER BY CASE j.state WHEN 'parked' THEN 0 ELSE 1 END, j.position, j.number LIMIT ?"""


@value
class Wanted:
    """Which jobs a person wants to see: in a state as it is shown, with a tag ``site=a``, with
    these letters in the name; empty is any."""

    state: str = ""
    tag: str = ""
    text: str = ""


@dataclass(slots=True)
class Tally:
    """How many jobs of a batch are in each state as it is shown, and when the last one ended."""

    counts: dict[str, int]
    last_at: int | None = None


def found(session: Session, batch: int, wanted: Wanted, start: int, limit: int) -> list[Job]:
    """Jobs of a batch in input order, ``limit`` of them from the ``start``-th on."""
    conditions, given = _conditions(wanted)
    # Numbers first: a sort that carries whole jobs takes several times as long.
    numbers = f"""
SELECT number FROM job WHERE batch = ? AND {LISTED} {conditions}
ORDER BY position, number LIMIT ? OFFSET ?"""
    rows = session.rows(
        f"SELECT {_COLUMNS} FROM ({numbers}) f JOIN job j ON j.number = f.number"
        " ORDER BY j.position, j.number",
        (batch, *given, limit, start),
    )
    return [job_from(row) for row in rows]


def _conditions(wanted: Wanted) -> tuple[str, tuple[str, ...]]:
    made, given = [], []
    if wanted.state:
        made.append(f"AND {_SHOWN} = ?")
        given.append(wanted.state)
    if wanted.tag:
        made.append(r"AND tags LIKE ? ESCAPE '\'")
        given.append(_holding(_as_stored(wanted.tag)))
    if wanted.text:
        made.append(r"AND lower(name) LIKE lower(?) ESCAPE '\'")
        given.append(_holding(wanted.text))
    return " ".join(made), tuple(given)


def _as_stored(tag: str) -> str:
    """``site=a`` as it stands in the JSON of a job's tags; no other tag can contain it."""
    name, _, value = tag.partition("=")
    return canonical({name: value})[1:-1]


def _holding(text: str) -> str:
    for sign in ("\\", "%", "_"):
        text = text.replace(sign, f"\\{sign}")
    return f"%{text}%"


def count_needy(session: Session) -> int:
    """How many jobs of the store wait for a person."""
    row = session.row(_COUNT_NEEDY)
    return int(row[0]) if row else 0


def needy(session: Session, limit: int) -> list[Job]:
    """The jobs of the store that wait for a person, the parked ones first, newest batch first."""
    return [job_from(row) for row in session.rows(_NEEDY_JOBS, (limit,))]


def troubled(session: Session, batch: int, limit: int) -> list[Job]:
    """The first jobs of a batch that a person should look at, the parked ones first."""
    return [job_from(row) for row in session.rows(_TROUBLED, (batch, limit))]


def tallies(session: Session, batches: Sequence[int]) -> dict[int, Tally]:
    """The jobs of several batches, counted at once."""
    made = {number: Tally({}) for number in batches}
    if not made:
        return made
    asked = f"""
SELECT batch, {_SHOWN}, count(*), max(ended_at) FROM job
WHERE batch IN ({", ".join("?" * len(made))}) AND {LISTED} GROUP BY 1, 2"""
    for batch, state, count, last_at in session.rows(asked, tuple(made)):
        one = made[batch]
        one.counts[state] = int(count)
        one.last_at = max(filter(None, (one.last_at, last_at)), default=None)
    return made
