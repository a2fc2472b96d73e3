"""Breaker rows: counted and opened where failures are written, asked and probed where jobs are
claimed."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable

from bydawn.core.breakers import opens, probe_delay_ms
from bydawn.core.values import value
from bydawn.store.connect import Session
from bydawn.store.events import Told, encoded, tell

_ANY = "SELECT 1 FROM breaker WHERE batch = ? AND backend = ? LIMIT 1"
_FIND = """
SELECT jobs, opened_at FROM breaker WHERE batch = ? AND backend = ? AND fingerprint = ?"""
_PUT = """
INSERT INTO breaker (batch, backend, fingerprint, jobs, opened_at, probe_at, probes)
VALUES (?, ?, ?, ?, ?, ?, 0)
ON CONFLICT (batch, backend, fingerprint) DO UPDATE SET jobs = excluded.jobs,
    opened_at = excluded.opened_at, probe_at = excluded.probe_at"""
_CLOSE = "DELETE FROM breaker WHERE batch = ? AND backend = ?"
_WAS_OPEN = """
SELECT fingerprint FROM breaker WHERE batch = ? AND backend = ? AND opened_at IS NOT NULL"""
_OPEN = """
SELECT max(probe_at), max(probes) FROM breaker
WHERE batch = ? AND backend = ? AND opened_at IS NOT NULL"""
_PROBED = """
UPDATE breaker SET probe_at = ?, probes = probes + 1
WHERE batch = ? AND backend = ? AND opened_at IS NOT NULL"""


@value
class Failed:
    """One judged failure, as the breaker counts it."""

    batch: int
    backend: str
    fingerprint: str
    job: int


def closing(session: Session, succeeded: Iterable[tuple[int, str]]) -> Callable[[int], None]:
    """A success closes its backend's breaker. Whether there is one is asked, and not waited for
    before what is returned is called."""
    asked = [(place, session.asking(_ANY, place)) for place in sorted(set(succeeded))]

    def close(now: int) -> None:
        for place, found in asked:
            if found():
                _close(session, *place, now)

    return close


def count(
    session: Session, failed: Iterable[Failed], threshold_of: Callable[[int], int], now: int
) -> None:
    """The same failure on enough different jobs opens their backend's breaker."""
    for one in failed:
        threshold = threshold_of(one.batch)
        if threshold > 0:
            _count(session, one, threshold, now)


def _close(session: Session, batch: int, backend: str, now: int) -> None:
    was_open = session.rows(_WAS_OPEN, (batch, backend))
    session.change(_CLOSE, (batch, backend))
    if was_open:
        told = encoded({"backend": backend})
        tell(session, [Told(now, batch, None, "breaker_closed", detail=told)])


def _count(session: Session, one: Failed, threshold: int, now: int) -> None:
    place = (one.batch, one.backend, one.fingerprint)
    found = session.row(_FIND, place)
    jobs: list[int] = json.loads(found[0]) if found else []
    opened_at = found[1] if found else None
    if one.job in jobs or opened_at is not None:
        return
    jobs.append(one.job)
    if not opens(len(jobs), threshold):
        session.change(_PUT, (*place, json.dumps(jobs), None, None))
        return
    session.change(_PUT, (*place, json.dumps(jobs), now, now + probe_delay_ms(0)))
    detail = encoded({"backend": one.backend, "failure": one.fingerprint, "jobs": len(jobs)})
    tell(session, [Told(now, one.batch, None, "breaker_opened", detail=detail)])


def probe_at(session: Session, batch: int, backend: str) -> int | None:
    """When an open breaker lets its next probe through; None when it is closed."""
    found = session.row(_OPEN, (batch, backend))
    return None if found is None else found[0]


def probed(session: Session, batch: int, backend: str, now: int) -> None:
    """One probe goes through; the next one waits longer."""
    found = session.row(_OPEN, (batch, backend))
    probes = int(found[1] or 0) if found else 0
    session.change(_PROBED, (now + probe_delay_ms(probes + 1), batch, backend))
