"""How runners split the places of one batch."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from filling import Hand, fill, spec

from bydawn.core import counting
from bydawn.store import counters, runners
from bydawn.store.sharing import _share, asking_fair_room
from bydawn.store.store import Store

Opener = Callable[[], Store]


def room_of(store: Store, runner: str, batch: int) -> int:
    return store.session.transact(lambda: asking_fair_room(store.session, runner, batch, 12)())


@pytest.mark.parametrize(
    ("places", "caps", "share"),
    [
        (8, [8, 8], 4),
        (9, [9, 9], 5),
        (12, [12, 1], 11),
        (12, [12, 12, 2], 5),
        (12, [4, 4, 4], 4),
        (12, [1, 2], 2),
        (1, [1, 1, 1], 1),
    ],
)
def test_what_the_capped_leave_is_for_the_others(places: int, caps: list[int], share: int) -> None:
    assert _share(places, caps) == share


def test_a_runner_with_a_cap_of_its_own_leaves_its_places_until_it_ends(open_one: Opener) -> None:
    store = open_one()
    batch = fill(store, spec(), count=20, parallel=12)
    store.register("r_a", "m_1", 1, 30_000, frozenset({batch}))
    store.register("r_b", "m_2", 1, 30_000, frozenset({batch}), own=2)
    assert room_of(store, "r_a", batch) == 10
    store.end_runner("r_b")
    assert room_of(store, "r_a", batch) == 12
    assert counters.used(store.session, counting.own_places("r_b")) == 0
    store.register("r_c", "m_3", 1, 30_000, frozenset({batch}))
    assert room_of(store, "r_a", batch) == 6
    assert len(Hand(store, "r_d").claim(batch)) <= 12
    assert {one.id for one in runners.registered(store.session)} == {"r_a", "r_c", "r_d"}
