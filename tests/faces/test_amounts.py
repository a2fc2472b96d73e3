"""Instants, lengths and money as programs and people read them."""

from __future__ import annotations

from datetime import UTC

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bydawn.watch.amounts import (
    count,
    day_and_time,
    decimal,
    dollars,
    length,
    rfc3339,
    seconds,
    time_of_day,
)


def test_instants_are_utc_with_milliseconds() -> None:
    assert rfc3339(1_760_000_000_007) == "2025-10-09T08:53:20.007Z"
    assert rfc3339(None) is None
    assert time_of_day(1_760_000_000_007, UTC) == "08:53:20"
    assert day_and_time(1_760_000_000_007, UTC) == "Thu 09 Oct 08:53"


@pytest.mark.parametrize(
    ("micros", "text"),
    [(0, "0.00"), (4_670_000, "4.67"), (10_000, "0.01"), (1, "0.000001"), (1_500_000, "1.50"),
     (-250_000, "-0.25"), (None, None)],
)  # fmt: skip
def test_money_for_programs_is_exact(micros: int | None, text: str | None) -> None:
    assert decimal(micros) == text


@given(st.integers(0, 10**12))
def test_no_millionth_is_lost(micros: int) -> None:
    whole, _, part = (decimal(micros) or "").partition(".")
    assert int(whole) * 1_000_000 + int(part.ljust(6, "0")) == micros


@pytest.mark.parametrize(
    ("micros", "text"),
    [(0, "$0.00"), (1, "<$0.01"), (4_674_999, "$4.67"), (4_675_000, "$4.68"),
     (1_234_000_000, "$1,234.00"), (None, "unknown")],
)  # fmt: skip
def test_what_cost_something_never_reads_as_nothing(micros: int | None, text: str) -> None:
    assert dollars(micros) == text


@pytest.mark.parametrize(
    ("length_ms", "text"),
    [(0, "0.0s"), (9_940, "9.9s"), (41_000, "41s"), (125_000, "2m05s"), (4_953_000, "1h22m33s"),
     (90_061_000, "1d1h01m01s"), (None, "-")],
)  # fmt: skip
def test_lengths_for_people(length_ms: int | None, text: str) -> None:
    assert length(length_ms) == text


def test_counts_for_people() -> None:
    assert [count(9_999), count(388_400), count(1_040_000)] == ["9999", "388k", "1.04M"]
    assert seconds(1_250) == 1.25
    assert seconds(None) is None
