"""Job rows of a plan: put in, listed once more, or added beside those that are there."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

from bydawn.core.errors import Complaint, PlanInvalid
from bydawn.store.connect import Occupied, Row, Session

_CHUNK = 1000
_ADD_JOB = """
INSERT INTO job (batch, template, name, key, spec, item, tags, pool, rank, position, place, listed,
    withdrawn, state, reason, revision, generation, frozen, attempts, faults, not_before, token,
    nonce, reserved_micros, reserved_tokens, awaited, backend, accounts)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0, 'queued', ?, 1, 1, 0, 0, 0, ?, 0, '', 0, 0,
    ?, ?, '')"""
_RELIST = """
ON CONFLICT (key) DO UPDATE SET
    listed = excluded.listed, position = excluded.position, place = excluded.place,
    tags = excluded.tags, rank = excluded.rank, withdrawn = 0, awaited = excluded.awaited,
    next_spec = CASE WHEN job.spec <> excluded.spec OR job.item IS NOT excluded.item
        THEN excluded.spec END,
    next_item = CASE WHEN job.spec <> excluded.spec OR job.item IS NOT excluded.item
        THEN excluded.item END,
    pool = CASE WHEN job.state = 'queued' THEN excluded.pool ELSE job.pool END,
    backend = CASE WHEN job.state = 'queued' THEN excluded.backend ELSE job.backend END,
    reason = CASE WHEN job.state = 'queued' AND job.reason IN ('withdrawn', 'dependency')
        THEN excluded.reason ELSE job.reason END,
    not_before = CASE WHEN job.state = 'queued' AND job.reason IN ('withdrawn', 'dependency')
        THEN excluded.not_before ELSE job.not_before END
WHERE job.listed <> excluded.listed"""
_NOW_AWAITED = "UPDATE job SET awaited = 1 WHERE batch = ? AND template = ? AND awaited = 0"
_PLACE_OF = "SELECT place FROM job WHERE key = ?"


def insert(session: Session, rows: Iterator[Row]) -> None:
    """A new batch has only new keys; a second one is a duplicate and is named with both places."""
    while chunk := list(itertools.islice(rows, _CHUNK)):
        try:
            with session.trying():
                session.change_many(_ADD_JOB, chunk)
        except Occupied as error:
            raise PlanInvalid((_duplicate(session, chunk),)) from error


def _duplicate(session: Session, chunk: list[Row]) -> Complaint:
    """The first of these rows whose key an earlier one has, here or in the store."""
    places: dict[str, str] = {}
    for row in chunk:
        key, place = row[3], row[10]
        found = session.row(_PLACE_OF, (key,))
        earlier = found[0] if found else places.get(key)
        if earlier is not None:
            return Complaint(place, None, row[2], f"has the same key as {earlier}")
        places[key] = place
    return Complaint(chunk[0][10], None, "", "has a key that occurs twice")


def relist(session: Session, rows: Iterator[Row]) -> None:
    """List the jobs of a revised plan: each key is written once, so one that is not came twice."""
    while chunk := list(itertools.islice(rows, _CHUNK)):
        try:
            with session.trying():
                written = session.change_many(_ADD_JOB + _RELIST, chunk)
        except Occupied as error:  # a kind that writes all rows at once meets its own
            raise PlanInvalid((_twice_among(chunk),)) from error
        if written != len(chunk):
            raise PlanInvalid((_listed_twice(session, chunk),))


def add(session: Session, rows: Iterator[Row]) -> None:
    """Put in what is new; what is there at this revision stays as it is."""
    session.change_many(_ADD_JOB + _RELIST, rows)


def await_now(session: Session, batch: int, template: str) -> None:
    """From now on somebody waits for these jobs."""
    session.change(_NOW_AWAITED, (batch, template))


def _twice_among(chunk: list[Row]) -> Complaint:
    places: dict[str, str] = {}
    for row in chunk:
        if row[3] in places:
            return Complaint(row[10], None, row[2], f"has the same key as {places[row[3]]}")
        places[row[3]] = row[10]
    return Complaint(chunk[0][10], None, "", "has a key that occurs twice")


def _listed_twice(session: Session, chunk: list[Row]) -> Complaint:
    """The row that was passed over because an earlier one of this plan has its key."""
    for row in chunk:
        found = session.row(_PLACE_OF, (row[3],))
        if found and found[0] != row[10]:
            return Complaint(row[10], None, row[2], f"has the same key as {found[0]}")
    return Complaint(chunk[0][10], None, "", "has a key that occurs twice")
