"""Named leases: at most one holder by the store's clock, and a higher token for every new one.

Tokens come from the sequence that jobs use too, so a name that was released, lapsed or lost with a
crash never sees a number twice. A renewal is good only while the lease is; one that has lapsed is
lost, even where nobody else has taken it.
"""

from __future__ import annotations

from collections.abc import Callable

from bydawn.core.values import value
from bydawn.store.connect import Row, Session, Statement

# Whether a lease is over is said here as core.leases.has_lapsed says it.
_READ = """
SELECT name, token, nonce, holder,
    CASE WHEN released_at IS NULL AND boot = ? THEN max(0, lease_until - lease_now()) ELSE 0 END,
    CASE WHEN released_at IS NULL THEN 0 ELSE 1 END
FROM lease WHERE name = ?"""
_UNRELEASED = "SELECT name FROM lease WHERE released_at IS NULL ORDER BY name"
_GRANT = """
INSERT INTO lease (name, token, nonce, holder, boot, lease_until, acquired_at, released_at)
VALUES (?, (SELECT value + 1 FROM sequence WHERE name = 'token'), ?, ?, ?, lease_now() + ?, ?, NULL)
ON CONFLICT (name) DO UPDATE SET token = excluded.token, nonce = excluded.nonce,
    holder = excluded.holder, boot = excluded.boot, lease_until = excluded.lease_until,
    acquired_at = excluded.acquired_at, released_at = NULL
WHERE lease.released_at IS NOT NULL OR lease.boot <> excluded.boot
    OR lease.lease_until <= lease_now()"""
# Whether it is over is asked once, by the grant; the sequence follows what was given.
_DRAWN = """
UPDATE sequence SET value = max(value, (SELECT token FROM lease WHERE name = ?))
WHERE name = 'token'"""
_EXTEND = """
UPDATE lease SET lease_until = lease_now() + ?
WHERE name = ? AND token = ? AND nonce = coalesce(?, nonce)
    AND released_at IS NULL AND boot = ? AND lease_until > lease_now()"""
# Its count is the answer, so a second time it counts as well; the first moment stays.
_RELEASE = """
UPDATE lease SET released_at = coalesce(released_at, ?)
WHERE name = ? AND token = ? AND nonce = coalesce(?, nonce)"""


@value
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


@value
class Acquired:
    """``is_ours`` says whether the lease was given to whoever asked, or is still another's."""

    lease: Lease
    is_ours: bool


def acquire(
    session: Session, name: str, ttl_ms: int, holder: str, nonce: Callable[[], str]
) -> Acquired:
    """Take a name that nobody holds; answers who holds it otherwise."""
    ours = nonce()
    row = (name, ours, holder, session.lease_boot(), ttl_ms, session.clock.utc_ms())
    found = _after(session, name, (_GRANT, row), (_DRAWN, (name,)))
    assert found is not None, "it was there, or was just given"
    return Acquired(found, is_ours=found.nonce == ours)


def renew(session: Session, name: str, token: int, nonce: str | None, ttl_ms: int) -> Lease | None:
    """Count the lease from now again; None when it was lost. Without a nonce the token decides."""
    guard = (name, token, nonce, session.lease_boot())
    found = _after(session, name, (_EXTEND, (ttl_ms, *guard)))
    return found if found and found.is_held and _is_same(found, token, nonce) else None


def release(session: Session, name: str, token: int, nonce: str | None) -> bool:
    """Give a name back; again is no harm. False when the last holder was another. Nobody waits for
    the disk: where this is forgotten the name is free when the lease is over, under a higher token.
    """
    return session.in_passing(_RELEASE, (session.clock.utc_ms(), name, token, nonce)) == 1


def find(session: Session, name: str) -> Lease | None:
    """How a name stands; None when nobody ever held it."""
    return _lease(session, session.row(*_question(session, name)))


def held(session: Session) -> list[Lease]:
    """Every name somebody holds now."""
    names = [str(row[0]) for row in session.rows(_UNRELEASED)]
    found = (find(session, name) for name in names)
    return [lease for lease in found if lease is not None and lease.is_held]


def _after(session: Session, name: str, *changes: Statement) -> Lease | None:
    """How a name stands after these changes, which are kept together."""
    return _lease(session, session.at_once(changes, _question(session, name)))


def _question(session: Session, name: str) -> Statement:
    return _READ, (session.lease_boot(), name)


def _lease(session: Session, row: Row | None) -> Lease | None:
    if row is None:
        return None
    name, token, nonce, holder, left, is_released = row
    return Lease(name, token, nonce, holder, left, session.clock.utc_ms() + left, bool(is_released))


def _is_same(found: Lease, token: int, nonce: str | None) -> bool:
    return found.token == token and nonce in (None, found.nonce)
