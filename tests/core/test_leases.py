"""A holder stops believing before the store would let anybody else begin."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from bydawn.core.leases import has_lapsed, margin_ms, may_act, renew_at, trusted_until

MOMENT = st.integers(0, 10**12)
LEASE = st.integers(2, 10**7)


@given(asked=MOMENT, on_the_way=st.integers(0, 10**6), lease=LEASE, now=MOMENT)
def test_nobody_acts_on_a_lease_that_another_may_take(
    asked: int, on_the_way: int, lease: int, now: int
) -> None:
    """The store counts from when it answers, the holder from before it asked."""
    lease_until = asked + on_the_way + lease
    if has_lapsed(lease_until, "b", now, "b"):
        assert not may_act(now, trusted_until(asked, lease))


@given(asked=MOMENT, lease=LEASE)
def test_there_is_a_margin_and_time_for_two_renewals(asked: int, lease: int) -> None:
    trusted = trusted_until(asked, lease)
    assert trusted <= asked + lease - margin_ms(lease) < asked + lease
    assert asked <= renew_at(asked, lease)
    if lease >= 10:
        assert asked + 2 * (renew_at(asked, lease) - asked) < trusted


def test_another_boot_ends_every_lease() -> None:
    assert has_lapsed(10**15, "before", 0, "after")
    assert not has_lapsed(11, "same", 10, "same")
    assert has_lapsed(10, "same", 10, "same")
