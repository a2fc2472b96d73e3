"""Whether a plan is in the store as it is, so that nothing has to be listed once more."""

from __future__ import annotations

from bydawn.core.model import PlannedBatch
from bydawn.store.connect import Session

_FIND = """
SELECT number, revision, source, fingerprint, deadline_at, background FROM batch
WHERE plan = ? AND edition = ?"""


def is_recorded(
    source: str, fingerprint: str, of_batch: tuple[str, str], deadline_at: int | None, now: int
) -> bool:
    """Whether a batch has this source and fingerprint, and a deadline that is to come, if any. What
    is a part of a plan has no fingerprint."""
    in_time = deadline_at is None or now < deadline_at
    return in_time and fingerprint != "" and of_batch == (source, fingerprint)


def as_recorded(
    session: Session, planned: PlannedBatch, background: bool, now: int
) -> tuple[int, int] | None:
    """Number and revision of the batch that holds just this plan, left to the background if it is
    to be; inside a write transaction, since somebody else may have recorded it a moment ago."""
    row = session.row(_FIND, (planned.plan, planned.edition))
    if row is None:
        return None
    number, revision, source, fingerprint, deadline_at, is_left = row
    of_batch = (source, fingerprint)
    if is_left >= background and is_recorded(
        planned.source, planned.fingerprint, of_batch, deadline_at, now
    ):
        return int(number), int(revision)
    return None
