"""Named leases in the store: one holder at a time, and numbers that only rise."""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bydawn.store import counters, leases
from bydawn.store.store import Store
from bydawn.testing.virtual import HandWoundClock

TTL = 60_000
_nonces = itertools.count()


def nonce() -> str:
    return f"n{next(_nonces)}"


def take(store: Store, name: str = "a", ttl_ms: int = TTL) -> leases.Acquired:
    return leases.acquire(store.session, name, ttl_ms, "me", nonce)


def test_a_held_name_is_not_given_again_and_its_holder_is_told(store: Store) -> None:
    ours = take(store)
    other = take(store)
    assert (ours.is_ours, other.is_ours) == (True, False)
    assert other.lease.token == ours.lease.token
    assert other.lease.holder == "me"
    assert 0 < other.lease.left_ms <= TTL


def test_a_released_name_is_free_at_once_under_a_higher_token(store: Store) -> None:
    first = take(store).lease
    assert leases.release(store.session, "a", first.token, first.nonce)
    second = take(store).lease
    assert second.token > first.token
    assert second.nonce != first.nonce


def test_a_lapsed_name_is_free_under_a_higher_token(store: Store, clock: HandWoundClock) -> None:
    first = take(store).lease
    clock.wind(TTL - 1)
    assert not take(store).is_ours
    clock.wind(1)
    assert take(store).lease.token > first.token


def test_another_boot_ends_every_lease(store: Store, clock: HandWoundClock) -> None:
    first = take(store).lease
    clock.reboot()
    assert take(store).lease.token > first.token


def test_setting_the_wall_clock_changes_nothing(store: Store, clock: HandWoundClock) -> None:
    take(store)
    clock.jump(10 * TTL)
    assert not take(store).is_ours


def test_a_renewed_lease_lasts(store: Store, clock: HandWoundClock) -> None:
    held = take(store).lease
    for _ in range(5):
        clock.wind(TTL - 1)
        assert leases.renew(store.session, "a", held.token, held.nonce, TTL)
    assert not take(store).is_ours


@pytest.mark.parametrize("other_nonce", ["another", None])
def test_only_its_holder_renews_and_releases(
    store: Store, clock: HandWoundClock, other_nonce: str | None
) -> None:
    held = take(store).lease
    token = held.token if other_nonce else held.token + 1
    assert leases.renew(store.session, "a", token, other_nonce, 9 * TTL) is None
    assert not leases.release(store.session, "a", token, other_nonce)
    assert not take(store).is_ours
    clock.wind(TTL)
    assert take(store).is_ours


def test_asking_for_what_is_held_uses_up_no_token(store: Store) -> None:
    first = take(store).lease
    for _ in range(3):
        assert not take(store).is_ours
    leases.release(store.session, "a", first.token, first.nonce)
    assert take(store).lease.token == first.token + 1


def test_a_holder_may_be_called_anything(store: Store) -> None:
    odd = 'o\'brien\\ "$1" ? ; -- \0é@host'
    leases.acquire(store.session, "a", TTL, odd, nonce)
    found = leases.find(store.session, "a")
    assert found is not None
    assert found.holder.replace("\ufffd", "\0") == odd


def test_a_lapsed_lease_is_lost_even_where_nobody_took_it(
    store: Store, clock: HandWoundClock
) -> None:
    held = take(store).lease
    clock.wind(TTL)
    assert leases.renew(store.session, "a", held.token, held.nonce, TTL) is None
    assert leases.release(store.session, "a", held.token, held.nonce)


def test_release_may_be_repeated_until_another_holds_it(store: Store) -> None:
    held = take(store).lease
    assert leases.release(store.session, "a", held.token, None)
    assert leases.release(store.session, "a", held.token, None)
    other = take(store).lease
    assert not leases.release(store.session, "a", held.token, held.nonce)
    assert leases.renew(store.session, "a", held.token, held.nonce, TTL) is None
    assert leases.renew(store.session, "a", other.token, other.nonce, TTL)


def test_names_do_not_know_each_other_but_share_the_sequence_with_jobs(store: Store) -> None:
    tokens = [take(store, "a").lease.token, take(store, "b").lease.token]
    tokens.append(store.session.transact(lambda: counters.take_tokens(store.session, 3)) + 2)
    tokens.append(take(store, "c").lease.token)
    assert tokens == sorted(set(tokens))


def test_a_name_nobody_ever_held_is_not_there(store: Store) -> None:
    assert leases.find(store.session, "a") is None
    assert leases.renew(store.session, "a", 1, None, TTL) is None
    assert not leases.release(store.session, "a", 1, None)


_ACTS = st.lists(
    st.tuples(
        st.sampled_from(["acquire", "renew", "release", "wind", "reboot", "stale release"]),
        st.integers(0, 2),
        st.integers(1, TTL),
    ),
    max_size=30,
)


@pytest.mark.parametrize("kind", ["sqlite"], indirect=True)
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(acts=_ACTS)
def test_in_every_history_tokens_rise_and_one_at_most_holds(
    open_one: Callable[[], Store], clock: HandWoundClock, acts: list[tuple[str, int, int]]
) -> None:
    store = open_one()
    mine: dict[int, leases.Lease] = {}
    given_out: list[int] = []
    held_until = 0
    holder: int | None = None
    for act, who, length in acts:
        if act == "wind":
            clock.wind(length)
        elif act == "reboot":
            clock.reboot()
            holder = None
        holder = None if holder is not None and clock.boot_ms() >= held_until else holder
        if act == "acquire":
            found = take(store)
            assert found.is_ours == (holder is None)
            if found.is_ours:
                mine[who], holder, held_until = found.lease, who, clock.boot_ms() + TTL
                given_out.append(found.lease.token)
        elif act == "renew" and who in mine:
            ours = mine[who]
            kept = leases.renew(store.session, "a", ours.token, ours.nonce, TTL) is not None
            assert kept == (holder == who)
            held_until = clock.boot_ms() + TTL if kept else held_until
        elif "release" in act and who in mine:
            leases.release(store.session, "a", mine[who].token, mine[who].nonce)
            holder = None if holder == who else holder
    leases.release(store.session, "a", given_out[-1] if given_out else 0, None)
    assert given_out == sorted(set(given_out))


def test_two_connections_never_both_hold_it(open_one: Callable[[], Store]) -> None:
    one, two = open_one(), open_one()
    for _ in range(10):
        found = [take(one), take(two)]
        assert [each.is_ours for each in found] == [True, False]
        assert leases.release(two.session, "a", found[0].lease.token, found[0].lease.nonce)


@pytest.mark.parametrize("kind", ["sqlite"], indirect=True)
def test_taking_and_giving_back_takes_no_effort(store: Store) -> None:
    """The rest is the system's and the disk's: 500 pairs a second need two commits in less than
    2 ms."""
    began = os.times().user
    for _ in range(100):
        held = take(store).lease
        leases.release(store.session, "a", held.token, held.nonce)
    assert (os.times().user - began) / 100 < 0.002
