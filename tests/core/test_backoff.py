"""Delays stay within their bounds, whatever is asked."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from bydawn.core.backoff import poll_delay_ms, poll_slack_ms, retry_delay_ms

LENGTH = st.integers(1, 10**9)
CHANCE = st.floats(0, 1, exclude_max=True)


@given(LENGTH, LENGTH, st.integers(0, 10**6), CHANCE)
def test_a_retry_waits_at_least_a_moment_and_at_most_its_maximum(
    initial: int, most: int, faults: int, chance: float
) -> None:
    delay = retry_delay_ms(initial, most, faults, chance)
    assert 1 <= delay <= max(1, min(most, initial * 2 ** min(max(faults, 1) - 1, 40)))


def test_full_jitter_covers_the_whole_range_and_doubles() -> None:
    ceilings = [retry_delay_ms(1000, 5000, faults, 0.999999) for faults in range(1, 6)]
    assert ceilings == [999, 1999, 3999, 4999, 4999]
    assert {retry_delay_ms(1000, 5000, faults, 0.0) for faults in range(1, 6)} == {1}


@given(LENGTH, LENGTH, st.integers(0, 10**6), CHANCE)
def test_looks_are_bounded_and_spread_by_a_fifth(
    initial: int, most: int, looks: int, chance: float
) -> None:
    delay = poll_delay_ms(initial, most, looks, chance)
    ceiling = min(most, initial * 2 ** min(looks, 30))
    assert max(1, int(ceiling * 0.8) - 1) <= delay
    assert delay + poll_slack_ms(delay) <= ceiling, "what may come later still comes in time"
