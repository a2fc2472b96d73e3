"""What people were told of, and what could not be told. A row is a claim before it is a proof."""

from __future__ import annotations

from typing import NamedTuple

from bydawn.store.connect import Row, Session
from bydawn.store.rows import HELD

MOST_TRIES = 5
_PAUSES_MS = (5_000, 30_000, 120_000, 600_000)
# Longer than the longest sending: who claimed it and is silent by then has died.
_CLAIM_MS = 120_000

_FIND = """
SELECT tries, try_at, sent_at FROM notice
WHERE batch = ? AND cause = ? AND level = ? AND target = ?"""
_CLAIM = """
INSERT INTO notice (batch, cause, level, target, made_at, tries, try_at)
VALUES (?, ?, ?, ?, ?, 1, ?)
ON CONFLICT (batch, cause, level, target) DO UPDATE SET tries = notice.tries + 1,
    try_at = excluded.try_at"""
_SENT = """
UPDATE notice SET sent_at = ?, error = NULL
WHERE batch = ? AND cause = ? AND level = ? AND target = ?"""
_FAILED = """
UPDATE notice SET error = ?, try_at = ?
WHERE batch = ? AND cause = ? AND level = ? AND target = ? AND sent_at IS NULL"""
_GIVEN_UP = """
UPDATE notice SET error = ?, tries = ?
WHERE batch = ? AND cause = ? AND level = ? AND target = ? AND sent_at IS NULL"""
_PARKED = f"SELECT number FROM job WHERE batch = ? AND {HELD} AND state = 'parked'"
_SINCE = "SELECT number FROM batch WHERE closed_at IS NULL OR closed_at > ? ORDER BY number"
_TOLD = """
SELECT cause, level, target, tries, sent_at, error FROM notice WHERE batch = ?
ORDER BY made_at, cause, level, target"""
_PARCELS = """
SELECT cause, tries, try_at, sent_at, error FROM notice WHERE batch = ? AND cause LIKE ?"""
_FORGET = "DELETE FROM notice WHERE batch = ? AND cause LIKE ? AND cause <> ?"
_BEGIN_AGAIN = """
UPDATE notice SET tries = 0, try_at = 0 WHERE batch = ? AND cause = ? AND sent_at IS NULL"""
_SPANS = "spans to "
_COUNT = "SELECT count(*) FROM notice WHERE batch = ? AND cause LIKE ?"


class Address(NamedTuple):
    """One message to one place."""

    batch: int
    cause: str
    level: int
    target: str


class Told(NamedTuple):
    """What became of one message."""

    cause: str
    level: int
    target: str
    tries: int
    sent_at: int | None
    error: str | None

    @property
    def is_given_up(self) -> bool:
        return self.sent_at is None and self.error is not None and self.tries >= MOST_TRIES


class Parcel(NamedTuple):
    """Spans that leave together: those that ended up to a place in the journal. ``trouble`` is why
    they could not be sent."""

    upto: int
    tries: int
    try_at: int
    is_sent: bool
    trouble: str | None


def claim(session: Session, address: Address) -> bool:
    """Take a message to be sent by us; False when it was sent, is being sent, or must wait."""
    return session.transact(lambda: _claimed(session, address))


def claim_parcel(session: Session, batch: int, after: int, upto: int) -> bool:
    """The same for spans. False as well where others have sent or taken some since we looked, so
    that none is sent twice."""

    def act() -> bool:
        sent, waiting = parcels(session, batch)
        if sent != after or (waiting and waiting.upto != upto):
            return False
        return _claimed(session, parcel_address(batch, upto))

    return session.transact(act)


def _claimed(session: Session, address: Address) -> bool:
    now = session.clock.utc_ms()
    found = session.row(_FIND, address)
    if found and (found[2] is not None or found[0] >= MOST_TRIES or now < found[1]):
        return False
    session.change(_CLAIM, (*address, now, now + _CLAIM_MS))
    return True


def parcel_address(batch: int, upto: int) -> Address:
    return Address(batch, f"{_SPANS}{upto}", 0, "")


def is_parcel(told: Told) -> bool:
    return told.cause.startswith(_SPANS)


def parcels(session: Session, batch: int) -> tuple[int, Parcel | None]:
    """Up to where a batch's spans were sent, and the parcel that was taken behind that."""
    found = [
        Parcel(int(cause.removeprefix(_SPANS)), tries, try_at, sent_at is not None, error)
        for cause, tries, try_at, sent_at, error in session.rows(_PARCELS, (batch, f"{_SPANS}%"))
    ]
    sent = max((one.upto for one in found if one.is_sent), default=0)
    return sent, next((one for one in found if one.upto > sent), None)


def forget_parcels_but(session: Session, batch: int, upto: int) -> None:
    """The newest that was sent says it all: one row a batch, however long its night."""
    address = parcel_address(batch, upto)
    session.transact(lambda: session.change(_FORGET, (batch, f"{_SPANS}%", address.cause)))


def begin_again(session: Session, batch: int, upto: int) -> None:
    """A parcel that was given up may be tried as if it were new."""
    address = parcel_address(batch, upto)
    session.transact(lambda: session.change(_BEGIN_AGAIN, (batch, address.cause)))


def note_sent(session: Session, address: Address) -> None:
    now = session.clock.utc_ms()
    session.transact(lambda: session.change(_SENT, (now, *address)))


def note_failed(session: Session, address: Address, why: str) -> None:
    """It will be tried again a little later, but not for ever."""

    def act() -> None:
        found = session.row(_FIND, address)
        tries = int(found[0]) if found else 1
        pause = _PAUSES_MS[min(tries, len(_PAUSES_MS)) - 1]
        session.change(_FAILED, (why, session.clock.utc_ms() + pause, *address))

    session.transact(act)


def give_up(session: Session, address: Address, why: str) -> None:
    """It cannot be sent, however often it is tried."""
    session.transact(lambda: session.change(_GIVEN_UP, (why, MOST_TRIES, *address)))


def parked(session: Session, batch: int) -> set[int]:
    """The jobs of a batch that wait for a person."""
    return {int(row[0]) for row in session.rows(_PARKED, (batch,))}


def batches_since(session: Session, at: int) -> list[int]:
    """Batches that are open, or were joined after a moment."""
    return [int(row[0]) for row in session.rows(_SINCE, (at,))]


def told(session: Session, batch: int) -> list[Told]:
    """Every message about a batch, the oldest first."""
    rows: list[Row] = session.rows(_TOLD, (batch,))
    return [Told(*row) for row in rows]


def count(session: Session, batch: int, cause: str) -> int:
    """How many messages there are whose cause begins so."""
    found = session.row(_COUNT, (batch, f"{cause}%"))
    return int(found[0]) if found else 0
