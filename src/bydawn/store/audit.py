"""The journal and the state as they stand, read for an audit: page by page, nothing is kept."""

from __future__ import annotations

from collections.abc import Iterator

from bydawn.core.chain import Head
from bydawn.core.errors import BydawnError
from bydawn.store.connect import Row, Session

PAGE = 2_000
_EVENT = """
SELECT seq, at, batch, job, kind, from_state, to_state, reason, token, attempt, runner, detail,
    hash, seal FROM event"""
_PAGE = f"{_EVENT} WHERE seq > ? ORDER BY seq LIMIT ?"
_ONE = f"{_EVENT} WHERE seq = ?"
_NUMBERS = "SELECT seq FROM event WHERE seq > ? ORDER BY seq LIMIT ?"
_HEAD = "SELECT seq, hash FROM event WHERE hash IS NOT NULL ORDER BY seq DESC LIMIT 1"
_HASHES = "SELECT seq, hash FROM event WHERE hash IS NOT NULL"
_STATES = """
SELECT number, key, state, attempts, token FROM job WHERE number > ? ORDER BY number LIMIT ?"""
_MOST = "SELECT coalesce(max(number), 0) FROM job"
_RECEIPTS = "SELECT job, count(*) FROM receipt GROUP BY job ORDER BY job"


def head(session: Session) -> Head | None:
    """The end of the chain; None while nothing has been written to it."""
    found = session.row(_HEAD)
    return Head(*found) if found else None


def hashes(session: Session) -> dict[int, str]:
    """Every event's place and hash."""
    return dict(session.rows(_HASHES))


def page(session: Session, after: int) -> list[Row | int]:
    """The next events, and the bare number of one that cannot be read; [] at the end."""
    try:
        return list(session.rows(_PAGE, (after, PAGE)))
    except BydawnError:
        numbers = session.rows(_NUMBERS, (after, PAGE))
        return [_one(session, int(number)) for (number,) in numbers]


def _one(session: Session, seq: int) -> Row | int:
    try:
        return session.row(_ONE, (seq,)) or seq
    except BydawnError:
        return seq


def highest_job(session: Session) -> int:
    """The highest number of a job."""
    found = session.row(_MOST)
    return int(found[0]) if found else 0


def states(session: Session) -> Iterator[Row]:
    """Number, key, state, attempts and token of every job there is, in order."""
    after = 0
    while rows := session.rows(_STATES, (after, PAGE)):
        yield from rows
        after = int(rows[-1][0])


def receipts(session: Session) -> Iterator[Row]:
    """How many targets have a receipt, by job."""
    yield from session.each(_RECEIPTS)
