"""Named leases: at most one holder by the store's clock, and a higher token for every new one.

Tokens come from the sequence that jobs use too, so a name that was released, lapsed or lost with a
crash never sees a number twice. A renewal is good only while the lease is; one that has lapsed is
lost, even where nobody else has taken it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from bydawn.core.leases import has_lapsed
from bydawn.store import counters
from bydawn.store.connect import Session

_READ = """
SELECT name, token, nonce, holder, boot, lease_until, released_at FROM lease WHERE name = ?"""
_UNRELEASED = "SELECT name FROM lease WHERE released_at IS NULL ORDER BY name"
_GRANT = """
INSERT INTO lease (name, token, nonce, holder, boot, lease_until, acquired_at, released_at)
VALUES (?, ?, ?, ?, ?, ?, ?, NULL)
ON CONFLICT (name) DO UPDATE SET token = excluded.token, nonce = excluded.nonce,
    holder = excluded.holder, boot = excluded.boot, lease_until = excluded.lease_until,
    acquired_at = excluded.acquired_at, released_at = NULL"""
_EXTEND = """
UPDATE lease SET lease_until = ? WHERE name = ? AND token = ? AND nonce = ?"""
_RELEASE = """
UPDATE lease SET released_at = ? WHERE name = ? AND token = ? AND nonce = ?
    AND released_at IS NULL"""


@dataclass(frozen=True, slots=True)
class Lease:
    """One name as it stands. ``left_ms`` is how long it is still held; 0 when nobody holds it."""

    name: str
    token: int
    nonce: str
    holder: str
    left_ms: int
    expires_at: int
    is_released: bool = False

    @property
    def is_held(self) -> bool:
        return self.left_ms > 0


@dataclass(frozen=True, slots=True)
class Acquired:
    """``is_ours`` says whether the lease was given to whoever asked, or is still another's."""

    lease: Lease
    is_ours: bool


def acquire(
    session: Session, name: str, ttl_ms: int, holder: str, nonce: Callable[[], str]
) -> Acquired:
    """Take a name that nobody holds; answers who holds it otherwise."""

    def act() -> Acquired:
        found = find(session, name)
        if found is not None and found.is_held:
            return Acquired(found, is_ours=False)
        return Acquired(_granted(session, name, ttl_ms, holder, nonce()), is_ours=True)

    return session.transact(act)


def renew(session: Session, name: str, token: int, nonce: str | None, ttl_ms: int) -> Lease | None:
    """Count the lease from now again; None when it was lost. Without a nonce the token decides."""

    def act() -> Lease | None:
        found = find(session, name)
        if found is None or not found.is_held or not _is_same(found, token, nonce):
            return None
        until = session.lease_now() + ttl_ms
        session.send_many(_EXTEND, [(until, name, token, found.nonce)])
        return find(session, name)

    return session.transact(act)


def release(session: Session, name: str, token: int, nonce: str | None) -> bool:
    """Give a name back; again is no harm. False when the last holder was another."""

    def act() -> bool:
        found = find(session, name)
        if found is None or not _is_same(found, token, nonce):
            return False
        session.send_many(_RELEASE, [(session.clock.utc_ms(), name, token, found.nonce)])
        return True

    return session.transact(act)


def find(session: Session, name: str) -> Lease | None:
    """How a name stands; None when nobody ever held it."""
    row = session.row(_READ, (name,))
    if row is None:
        return None
    _, token, nonce, holder, boot, until, released_at = row
    now, current = session.lease_now(), session.lease_boot()
    is_over = released_at is not None or has_lapsed(until, boot, now, current)
    left = 0 if is_over else until - now
    expires_at = session.clock.utc_ms() + left
    return Lease(name, token, nonce, holder, left, expires_at, released_at is not None)


def held(session: Session) -> list[Lease]:
    """Every name somebody holds now."""
    names = [str(row[0]) for row in session.rows(_UNRELEASED)]
    found = (find(session, name) for name in names)
    return [lease for lease in found if lease is not None and lease.is_held]


def _granted(session: Session, name: str, ttl_ms: int, holder: str, nonce: str) -> Lease:
    token = counters.take_tokens(session, 1)
    now = session.clock.utc_ms()
    until = session.lease_now() + ttl_ms
    row = (name, token, nonce, holder, session.lease_boot(), until, now)
    session.send_many(_GRANT, [row])
    return Lease(name, token, nonce, holder, ttl_ms, now + ttl_ms)


def _is_same(found: Lease, token: int, nonce: str | None) -> bool:
    return found.token == token and nonce in (None, found.nonce)
