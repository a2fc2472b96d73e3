"""Sums over a batch, made where the rows are: time, money, meters and what a report begins with."""

from __future__ import annotations

from collections.abc import Iterator

from bydawn.core.model import Job
from bydawn.core.values import value
from bydawn.store.connect import Session
from bydawn.store.rows import HELD, JOB_COLUMNS, LISTED, WASTED, job_from

_COST = """
SELECT coalesce(sum(cost_micros), 0), coalesce(sum(reserved_micros), 0) FROM job
WHERE batch = ? AND attempts > 0"""
_RESERVED = f"""
SELECT coalesce(sum(reserved_micros), 0) FROM job
WHERE batch = ? AND {HELD}"""
_WASTED = f"""
SELECT coalesce(sum({WASTED}), 0) FROM job j
WHERE j.batch = ? AND (j.attempts > 1 OR j.state <> 'succeeded') AND j.cost_micros IS NOT NULL"""
# What no meter of an attempt told was charged because it was silent.
_ASSUMED = """
SELECT coalesce(sum(j.cost_micros - (
    SELECT coalesce(sum(a.cost_micros), 0) FROM attempt a WHERE a.job = j.number)), 0)
FROM job j WHERE j.batch = ? AND j.cost_micros > 0 AND j.reserved_micros = 0"""
_SPECS = "SELECT number FROM spec WHERE batch = ? ORDER BY number"
_DEARER = """
SELECT name, told FROM (
    SELECT j.name, j.number,
        (SELECT sum(a.cost_micros) FROM attempt a WHERE a.job = j.number) AS told
    FROM job j
    WHERE j.batch = ? AND j.spec = ? AND j.cost_micros > ? AND j.state = 'succeeded'
) AS metered WHERE told > ? ORDER BY told DESC, number LIMIT ?"""
_UNMETERED = """
SELECT spec, count(*) FROM job
WHERE batch = ? AND attempts > 0 AND cost_micros IS NULL
    AND state NOT IN ('launching', 'running', 'finishing')
GROUP BY spec"""
_PRICE_LISTS = """
SELECT DISTINCT prices FROM job WHERE batch = ? AND prices IS NOT NULL ORDER BY prices"""
_USAGES = "SELECT usage FROM job WHERE batch = ? AND usage IS NOT NULL"

_TIMES = f"""
SELECT coalesce(max(CASE WHEN {LISTED} THEN ended_at END), 0),
    coalesce(sum(CASE WHEN attempts > 1 AND {LISTED} THEN attempts - 1 END), 0),
    coalesce(sum(CASE WHEN state IN ('succeeded', 'failed') THEN ended_at - started_at END), 0)
FROM job WHERE batch = ?"""
_LONGEST = f"""
SELECT name, ended_at - started_at FROM job
WHERE batch = ? AND started_at IS NOT NULL AND ended_at IS NOT NULL AND {LISTED}
ORDER BY ended_at - started_at DESC, number LIMIT 1"""
_NEEDY = f"""
SELECT {JOB_COLUMNS} FROM job WHERE batch = ? AND state IN ('failed', 'parked') AND {LISTED}
ORDER BY position, number"""
_UNFETCHED = f"""
SELECT {JOB_COLUMNS} FROM job WHERE batch = ? AND state IN ('running', 'finishing', 'parked')
    AND handle IS NOT NULL AND step IS NULL
ORDER BY position, number"""
_WAITING = f"""
SELECT count(*), min(number) FROM job WHERE batch = ? AND state = 'queued' AND {LISTED}
GROUP BY reason, backend, not_before > 0"""


@value
class Money:
    """What a batch has cost, in millionths; ``unmetered`` counts jobs without a price by their
    spec."""

    usd_micros: int
    wasted_micros: int
    reserved_micros: int
    unmetered: tuple[tuple[int, int], ...] = ()


@value
class Times:
    """When the last job ended, how many attempts were repeats, and how long those that counted
    take one after another."""

    last_at: int
    repeats: int
    serial_ms: int


def money(session: Session, batch: int) -> Money:
    spent, reserved = session.row(_COST, (batch,)) or (0, 0)
    wasted = (session.row(_WASTED, (batch,)) if spent else None) or (0,)
    unmetered = tuple((int(spec), int(count)) for spec, count in session.rows(_UNMETERED, (batch,)))
    return Money(int(spent), int(wasted[0]), int(reserved), unmetered)


def assumed(session: Session, batch: int) -> int:
    """What was charged because no meter told, in millionths."""
    row = session.row(_ASSUMED, (batch,))
    return max(0, int(row[0])) if row else 0


def specs_of(session: Session, batch: int) -> list[int]:
    """The specifications of a batch's jobs, in all its revisions."""
    return [int(row[0]) for row in session.rows(_SPECS, (batch,))]


def dearer_than(
    session: Session, batch: int, spec: int, micros: int, most: int
) -> list[tuple[str, int]]:
    """Jobs of one specification that came to a good end, and whose meters told of more than so
    much; the dearest first. What was only assumed does not count."""
    rows = session.rows(_DEARER, (batch, spec, micros, micros, most))
    return [(str(name), int(cost)) for name, cost in rows]


def reserved(session: Session, batch: int) -> int:
    """What is set aside for jobs that are not settled yet, in millionths."""
    row = session.row(_RESERVED, (batch,))
    return int(row[0]) if row else 0


def price_lists(session: Session, batch: int) -> list[str]:
    """The lists of prices that costs of a batch were worked out from."""
    return [str(row[0]) for row in session.rows(_PRICE_LISTS, (batch,))]


def usages(session: Session, batch: int) -> Iterator[str]:
    """The meter of every job that has one."""
    return (str(row[0]) for row in session.each(_USAGES, (batch,)))


def times(session: Session, batch: int) -> Times:
    return Times(*map(int, session.row(_TIMES, (batch,)) or (0, 0, 0)))


def longest(session: Session, batch: int) -> tuple[str, int] | None:
    """The job that took longest, by name, and its milliseconds."""
    found = session.row(_LONGEST, (batch,))
    return (str(found[0]), int(found[1])) if found else None


def needy(session: Session, batch: int) -> Iterator[Job]:
    """The jobs a person should look at, in input order."""
    return map(job_from, session.each(_NEEDY, (batch,)))


def unfetched(session: Session, batch: int) -> Iterator[Job]:
    """Jobs with a run whose result nobody has fetched yet, in input order."""
    return map(job_from, session.each(_UNFETCHED, (batch,)))


def waiting(session: Session, batch: int) -> list[tuple[int, int]]:
    """Queued jobs in groups that wait alike: how many, and one of them by its number."""
    return [(int(count), int(number)) for count, number in session.rows(_WAITING, (batch,))]
