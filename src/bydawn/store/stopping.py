"""A stop of everything on a store, kept in the store itself, so that it reaches every machine.

While the row is there no claim takes a job, on whatever machine; every runner reads it with what
else others have changed, and ends its runs.
"""

from __future__ import annotations

from bydawn.store.connect import Session
from bydawn.store.events import Told, tell
from bydawn.store.people import PERSON

_STOP = "INSERT INTO meta (name, value) VALUES ('stop', ?) ON CONFLICT (name) DO NOTHING"
_LIFT = "DELETE FROM meta WHERE name = 'stop'"
_STANDS = "SELECT 1 FROM meta WHERE name = 'stop'"
_OPEN = "SELECT number FROM batch WHERE closed_at IS NULL ORDER BY number"


def stop(session: Session) -> bool:
    """Nothing new anywhere, and all runners end their runs; False when it was so already."""
    return session.transact(lambda: _changed(session, "stop_asked", _STOP, _now(session)))


def lift(session: Session) -> bool:
    """Let everything go on; False when nothing was stopped."""
    return session.transact(lambda: _changed(session, "stop_lifted", _LIFT))


def stands(session: Session) -> bool:
    return session.row(_STANDS) is not None


def _now(session: Session) -> str:
    return str(session.clock.utc_ms())


def _changed(session: Session, kind: str, sql: str, *given: str) -> bool:
    if not session.change(sql, given):
        return False
    now = session.clock.utc_ms()
    batches = [int(row[0]) for row in session.rows(_OPEN)]
    tell(session, [Told(now, batch, None, kind, runner=PERSON) for batch in batches])
    return True
