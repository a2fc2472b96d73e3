"""A stop in the store: from the moment it is written nobody takes a job, until it is lifted."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from filling import Hand, fill, kinds, spec

from bydawn.store import claiming, stopping
from bydawn.store.store import Store

Opener = Callable[[], Store]


def test_nothing_is_claimed_anywhere_while_a_stop_stands(open_one: Opener) -> None:
    here, elsewhere = open_one(), open_one()
    hand = Hand(here)
    batch = fill(here, spec(), count=3)
    assert stopping.stop(elsewhere.session)
    assert hand.claim(batch) == []
    assert stopping.stands(here.session)
    assert stopping.lift(here.session)
    assert not stopping.stands(elsewhere.session)
    assert len(hand.claim(batch)) == 3


def test_a_stop_without_its_guard_would_let_a_claim_through(
    open_one: Opener, monkeypatch: pytest.MonkeyPatch
) -> None:
    bare = claiming._AS_SEEN.partition("AND NOT EXISTS")[0]
    monkeypatch.setattr(claiming, "_AS_SEEN", bare)
    store = open_one()
    batch = fill(store, spec(), count=3)
    stopping.stop(store.session)
    assert len(Hand(store).claim(batch)) == 3


def test_stopping_and_lifting_twice_changes_and_tells_once(store: Store) -> None:
    fill(store, spec())
    assert [stopping.stop(store.session) for _ in range(2)] == [True, False]
    assert [stopping.lift(store.session) for _ in range(2)] == [True, False]
    assert kinds(store)[-2:] == ["stop_asked", "stop_lifted"]
