"""Runners of one batch split its places, so that a second machine is more than a spare."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from bydawn.core import counting
from bydawn.store.connect import Session
from bydawn.store.rows import HELD
from bydawn.store.runners import asking_registered

_HELD = f"""
SELECT count(*) FROM job
WHERE batch = ? AND runner = ? AND {HELD}
    AND state IN ('launching', 'running')"""
_OWN = "SELECT name, used FROM counter WHERE name >= ? AND name < ?"
_AFTER_ALL = "\x7f"


def asking_fair_room(session: Session, runner: str, batch: int, places: int) -> Callable[[], int]:
    """How many more jobs a runner may take of a batch with so many places: alone, all of them.
    What runners with a cap of their own leave is split among the others."""
    first = counting.own_places("")
    capped = session.asking(_OWN, (first, first + _AFTER_ALL))
    held = session.asking(_HELD, (batch, runner))
    at_work = asking_registered(session)

    def answered() -> int:
        serving = [one.id for one in at_work() if batch in one.batches]
        if len(serving) < 2:
            return places
        caps: dict[str, int] = dict(capped())
        share = _share(places, (caps.get(counting.own_places(one), places) for one in serving))
        return max(0, share - int(held()[0][0]))

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
