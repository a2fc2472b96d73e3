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
SELECT rank, {NEWEST_COLUMNS} FROM job
WHERE state = 'queued' AND batch = ? AND backend = ? AND pool = ? AND not_before = 0
    AND (rank, number) > (?, ?)
    AND wish IS NULL AND (? = '' OR template = ? OR name GLOB ?)
ORDER BY rank, number LIMIT ?"""

_TIMED = f"""
SELECT {NEWEST_COLUMNS} FROM job
WHERE state = 'queued' AND batch = ? AND backend = ? AND pool = ?
    AND not_before > 0 AND not_before <= ?
    AND wish IS NULL AND (? = '' OR template = ? OR name GLOB ?)
ORDER BY not_before, rank, number LIMIT ?"""

_MOST_LOOKED_AT = 5_000
_NEXT = """
SELECT min(not_before) FROM job
WHERE state = 'queued' AND batch = ? AND backend = ? AND pool = ?
    AND not_before > ? AND not_before < ?"""
_FROM_THE_FIRST = (-NEVER, -1)
_BELIEVED_MS = 500
Answer = Callable[[], list[Row]]
# A rank, and a number among those of the same rank: what comes behind it.
After = tuple[int, int]


class Starts:
    """Behind which place the jobs of each lane that may start begin, as one claimer last saw it. A
    server's index holds what was claimed until it is vacuumed, so who looks from the first job on
    goes through all of the night, each time. A job that others put back before that place is
    not seen from there: so it is believed for half a second after a look from the first job on, and
    not where there are fewer jobs behind it than were wanted."""

    def __init__(self) -> None:
        self._seen: dict[tuple[Any, ...], tuple[After, int]] = {}

    def of(self, batch: Open, lane: Lane, now: int) -> After:
        after, looked_at = self._seen.get(_name(batch, lane), (_FROM_THE_FIRST, now))
        return after if 0 <= now - looked_at < _BELIEVED_MS else _FROM_THE_FIRST

    def note(self, batch: Open, lane: Lane, after: After, found: list[Row], now: int) -> None:
        """What was found by a look behind a place."""
        name = _name(batch, lane)
        looked_at = now if after == _FROM_THE_FIRST else self._seen[name][1]
        if found:
            rank, number = found[0][:2]
            self._seen[name] = (rank, number - 1), looked_at

    def forget(self) -> None:
        """Jobs were put back."""
        self._seen.clear()


def _name(batch: Open, lane: Lane) -> tuple[Any, ...]:
    return batch.number, batch.only, lane


@dataclass(slots=True)
class Asked:
    """The first jobs of a lane, at most ``limit`` of each kind, and those that may start at any
    time only ``after`` a place; not heard yet."""

    limit: int
    timed: Answer
    page: Answer
    after: After


def ask(session: Session, starts: Starts, batch: Open, lane: Lane, limit: int, now: int) -> Asked:
    """Ask for the first jobs of a lane, without waiting for them."""
    timed = session.asking(
        _TIMED + session.picks, (*_place(batch, lane), now, *_only(batch), limit)
    )
    after = starts.of(batch, lane, now)
    return Asked(limit, timed, _page(session, batch, lane, after, limit), after)


def jobs(
    session: Session, starts: Starts, batch: Open, lane: Lane, room: int, fresh: int, now: int,
    asked: Asked | None,
) -> Iterator[Job]:  # fmt: skip
    """Page by page as they are wanted; ``asked`` serves where it is not too little."""
    if asked is None or asked.limit < room:
        asked = ask(session, starts, batch, lane, room, now)
    yield from map(job_from, asked.timed())
    if fresh <= 0:
        return
    limit, seen = asked.limit, 0
    found = _first_page(session, starts, batch, lane, asked, now)
    while True:
        wanted = found[:fresh]
        seen, fresh = seen + len(wanted), fresh - len(wanted)
        yield from (job_from(row[1:]) for row in wanted)
        if len(found) < limit or fresh <= 0 or seen >= _MOST_LOOKED_AT:
            return
        limit, last = min(room, fresh), found[-1]
        found = _page(session, batch, lane, (last[0], last[1]), limit)()


def _first_page(
    session: Session, starts: Starts, batch: Open, lane: Lane, asked: Asked, now: int
) -> list[Row]:
    found, after = asked.page(), asked.after
    if len(found) < asked.limit and after != _FROM_THE_FIRST:
        after = _FROM_THE_FIRST
        found = _page(session, batch, lane, after, asked.limit)()
    starts.note(batch, lane, after, found, now)
    return found


def _page(session: Session, batch: Open, lane: Lane, after: After, limit: int) -> Answer:
    """The jobs that may start, from one place in their order on."""
    wanted = (*_place(batch, lane), *after, *_only(batch), limit)
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
