"""Lengths and times of day: what people write."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bydawn.core.lengths import (
    LONGEST_MS,
    LengthError,
    is_time_of_day,
    parse_length,
    parse_time_of_day,
)


@pytest.mark.parametrize(
    ("text", "length_ms"),
    [
        ("100ms", 100),
        ("0s", 0),
        ("90s", 90_000),
        ("45m", 2_700_000),
        ("7h30m", 27_000_000),
        ("90d", 7_776_000_000),
        ("1d2h3m4s5ms", 93_784_005),
        ("5m5ms", 300_005),
    ],
)
def test_a_length_is_read_unit_by_unit(text: str, length_ms: int) -> None:
    assert parse_length(text) == length_ms


@pytest.mark.parametrize(
    "text",
    [
        "",
        "1",
        "1.5h",
        "-1s",
        "h",
        "30m7h",
        "1h1h",
        "1 h",
        "1H",
        "٣s",
        "1w",
        "9" * 5000 + "d",
        "40000d",
    ],
)
def test_anything_else_is_refused_in_plain_words(text: str) -> None:
    with pytest.raises(LengthError, match=r"is no length|a hundred years"):
        parse_length(text)


@given(st.tuples(*(st.none() | st.integers(0, 99) for _ in range(5))))
def test_any_units_in_their_order_add_up(counts: tuple[int | None, ...]) -> None:
    units = (("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1))
    said = [(n, *unit) for n, unit in zip(counts, units, strict=True) if n is not None] or [
        (0, "s", 0)
    ]
    text = "".join(f"{count}{name}" for count, name, _ in said)
    assert parse_length(text) == sum(count * length_ms for count, _, length_ms in said)


@given(st.text(max_size=30))
def test_no_text_surprises_the_reader(text: str) -> None:
    try:
        assert 0 <= parse_length(text) <= LONGEST_MS
    except LengthError:
        assert not is_time_of_day(text) or ":" in text


@given(st.integers(min_value=0, max_value=24 * 60 - 1))
def test_every_minute_of_the_day_reads_back(minute: int) -> None:
    text = f"{minute // 60:02}:{minute % 60:02}"
    assert is_time_of_day(text)
    assert parse_time_of_day(text) == minute * 60_000


@pytest.mark.parametrize("text", ["24:00", "6:30", "06:60", "0630", "06:30:00", "", "06:30\n"])
def test_other_times_of_day_are_refused(text: str) -> None:
    assert not is_time_of_day(text)
    with pytest.raises(LengthError, match="is no time of day"):
        parse_time_of_day(text)
