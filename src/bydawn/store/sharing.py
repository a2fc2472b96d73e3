"""Runners of one batch split its places, so that a second machine is more than a spare."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from bydawn.core import counting
from bydawn.store.connect import Session
from bydawn.store.rows import HELD
from bydawn.store.runners import numbers_in

# Who serves what, its own cap where it has one, and how many jobs whoever asks has in hand.
_AT_WORK = f"""
SELECT r.batches, (SELECT used FROM counter WHERE name = ? || r.id),
    CASE WHEN r.id = ? THEN (SELECT count(*) FROM job
        WHERE batch = ? AND job.runner = r.id AND {HELD} AND state IN ('launching', 'running')) END
FROM runner r WHERE r.ended_at IS NULL"""


def asking_fair_room(session: Session, runner: str, batch: int, places: int) -> Callable[[], int]:
    """How many more jobs a runner may take of a batch with so many places: alone, all of them.
    What runners with a cap of their own leave is split among the others."""
    asked = session.asking(_AT_WORK, (counting.own_places(""), runner, batch))

    def answered() -> int:
        serving = [row for row in asked() if batch in numbers_in(row[0])]
        if len(serving) < 2:
            return places
        share = _share(places, (places if cap is None else cap for _, cap, _ in serving))
        held = sum(int(own) for _, _, own in serving if own is not None)
        return max(0, share - held)

    return answered


def _share(places: int, caps: Iterable[int]) -> int:
    """What each may have that wants more than the others leave it."""
    smallest_first = sorted(caps)
    for before, cap in enumerate(smallest_first):
        share = -(-places // (len(smallest_first) - before))
        if cap >= share:
            return share
        places -= cap
    return max(smallest_first)
