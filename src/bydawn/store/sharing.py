"""Runners of one batch split its places, so that a second machine is more than a spare."""

from __future__ import annotations

from bydawn.store.connect import Session
from bydawn.store.rows import HELD
from bydawn.store.runners import registered

_HELD = f"""
SELECT count(*) FROM job
WHERE batch = ? AND runner = ? AND {HELD}
    AND state IN ('launching', 'running')"""


def fair_room(session: Session, runner: str, batch: int, places: int) -> int:
    """How many more jobs a runner may take of a batch with so many places: alone, all of them."""
    serving = sum(1 for one in registered(session) if batch in one.batches)
    if serving < 2:
        return places
    held = session.row(_HELD, (batch, runner))
    share = -(-places // serving)
    return max(0, share - (int(held[0]) if held else 0))
