"""Jobs that may start, in their order: retries whose time has come, then all others.

Where it can be known what a claim will ask, it is asked before the answers to what came earlier in
the same transaction are waited for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from bydawn.core.model import Job
from bydawn.store.admission import Lane, Open
from bydawn.store.connect import Row, Session
from bydawn.store.rows import JOB_FIELDS, NEVER, job_from

# With the payload it will be launched with: the newest, unless it is frozen.
NEWEST = "CASE WHEN frozen = generation THEN {0} ELSE COALESCE(next_{0}, {0}) END"
NEWEST_COLUMNS = ", ".join(
    NEWEST.format(name) if name in ("spec", "item") else name for name in JOB_FIELDS
)
_READY = f"""
SELECT {NEWEST_COLUMNS} FROM job
WHERE state = 'queued' AND batch = ? AND backend = ? AND pool = ? AND not_before = 0
    AND (rank > ? OR (rank = ? AND number > ?))
    AND wish IS NULL AND (? = '' OR template = ? OR name GLOB ?)
ORDER BY rank, number LIMIT ?"""

_TIMED = f"""
SELECT {NEWEST_COLUMNS} FROM job
WHERE state = 'queued' AND batch = ? AND backend = ? AND pool = ?
    AND not_before > 0 AND not_before <= ?
    AND wish IS NULL AND (? = '' OR template = ? OR name GLOB ?)
ORDER BY not_before, rank, number LIMIT ?"""

_RANK = "SELECT rank FROM job WHERE number = ?"
_MOST_LOOKED_AT = 5_000
_NEXT = """
SELECT min(not_before) FROM job
WHERE state = 'queued' AND batch = ? AND backend = ? AND pool = ?
    AND not_before > ? AND not_before < ?"""
_FROM_THE_FIRST = (-NEVER, -1)
Answer = Callable[[], list[Row]]


@dataclass(slots=True)
class Asked:
    """The first jobs of a lane, at most ``limit`` of each kind; not heard yet."""

    limit: int
    timed: Answer
    page: Answer


def ask(session: Session, batch: Open, lane: Lane, limit: int, now: int) -> Asked:
    """Ask for the first jobs of a lane, without waiting for them."""
    timed = session.asking(
        _TIMED + session.picks, (*_place(batch, lane), now, *_only(batch), limit)
    )
    return Asked(limit, timed, _page(session, batch, lane, _FROM_THE_FIRST, limit))


def jobs(
    session: Session, batch: Open, lane: Lane, room: int, fresh: int, now: int, asked: Asked | None
) -> Iterator[Job]:
    """Page by page as they are wanted; ``asked`` serves where it is not too little."""
    if asked is None or asked.limit < room:
        asked = ask(session, batch, lane, room, now)
    yield from map(job_from, asked.timed())
    page, limit, seen = asked.page, asked.limit, 0
    while fresh > 0 and seen < _MOST_LOOKED_AT:
        found, number = page(), -1
        for job in map(job_from, found[:fresh]):
            seen, fresh, number = seen + 1, fresh - 1, job.number
            yield job
        if len(found) < limit or fresh <= 0:
            return
        rank = (session.row(_RANK, (number,)) or (NEVER,))[0]
        limit = min(room, fresh)
        page = _page(session, batch, lane, (rank, number), limit)


def _page(session: Session, batch: Open, lane: Lane, after: tuple[int, int], limit: int) -> Answer:
    """The jobs that may start, from one place in their order on."""
    rank, number = after
    wanted = (*_place(batch, lane), rank, rank, number, *_only(batch), limit)
    return session.asking(_READY + session.picks, wanted)


def _place(batch: Open, lane: Lane) -> tuple[int, str, str]:
    return batch.number, lane.backend, lane.pool


def _only(batch: Open) -> tuple[str, str, str]:
    return batch.only, batch.only, batch.only


def asking_next_timer(session: Session, batch: Open, now: int) -> Callable[[], int | None]:
    """As ``next_timer``, asked inside a write transaction and not waited for."""
    asked = [session.asking(_NEXT, _next_in(batch.number, lane, now)) for lane in batch.lanes]
    return lambda: _earliest(row for answer in asked for row in answer())


def next_timer(session: Session, batch: int, lanes: Sequence[Lane], now: int) -> int | None:
    """The next moment at which a waiting retry may start."""
    return _earliest(
        row for lane in lanes for row in session.rows(_NEXT, _next_in(batch, lane, now))
    )


def _next_in(batch: int, lane: Lane, now: int) -> tuple[Any, ...]:
    return batch, lane.backend, lane.pool, now, NEVER


def _earliest(found: Iterable[Row]) -> int | None:
    return min((row[0] for row in found if row[0] is not None), default=None)
