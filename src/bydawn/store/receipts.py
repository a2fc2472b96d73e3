"""What this store knows of targets: that it published there, and that a person let it go on."""

from __future__ import annotations

from bydawn.store.connect import Session
from bydawn.store.events import Told, encoded, tell

_PUBLISHED = "SELECT 1 FROM receipt WHERE target = ? LIMIT 1"
_STORE_ID = "SELECT value FROM meta WHERE name = 'store_id'"
# Events of the store itself belong to no batch.
_NO_BATCH = 0


def was_published_to(session: Session, target: str) -> bool:
    """Whether a target must have a fence record of ours."""
    return session.row(_PUBLISHED, (target,)) is not None


def store_id(session: Session) -> str:
    """The name of this store, the same for ever."""
    found = session.row(_STORE_ID)
    assert found is not None, "every store is given a name when it is made"
    return str(found[0])


def tell_adopted(session: Session, target: str, token: int, why: str) -> None:
    """A person let this store go on at a target; inside a write transaction."""
    detail = encoded({"target": target, "reason": why})
    told = Told(
        session.clock.utc_ms(), _NO_BATCH, None, "adopted", token=token, runner="person",
        detail=detail,
    )  # fmt: skip
    tell(session, [told])
