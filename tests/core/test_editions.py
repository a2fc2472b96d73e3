"""Editions: every logical night is exactly one, in every zone, whatever summer time does."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, tzinfo
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bydawn.core.editions import (
    EditionError,
    day_starts_at,
    deadline_at,
    edition,
    logical_day,
    parse_edition,
)
from bydawn.core.lengths import parse_time_of_day

HOUR = 3_600_000
DAY = 24 * HOUR
ZONES = [
    "UTC", "Asia/Tokyo", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe",
    "Pacific/Apia", "Africa/Casablanca", "America/St_Johns", "Asia/Kathmandu", "Africa/Cairo",
    "Pacific/Kiritimati", "America/Sao_Paulo", "Europe/Dublin", "Antarctica/Troll",
]  # fmt: skip
INSTANTS = st.integers(min_value=0, max_value=4_102_444_800_000)
TIMES = st.integers(min_value=0, max_value=24 * 60 - 1).map(lambda minute: minute * 60_000)
IN_ZONES = st.sampled_from(ZONES).map(ZoneInfo)


def at(text: str, zone: str = "UTC") -> int:
    moment = datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone))
    return (moment.astimezone(UTC) - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1)


TOKYO = ZoneInfo("Asia/Tokyo")
NOON = parse_time_of_day("12:00")


@pytest.mark.parametrize(
    ("local", "per", "expected"),
    [
        ("2026-11-19T22:30", "day", "2026-11-19"),
        ("2026-11-20T02:00", "day", "2026-11-19"),
        ("2026-11-20T11:59:59.999", "day", "2026-11-19"),
        ("2026-11-20T12:00", "day", "2026-11-20"),
        ("2026-11-20T02:00", "week", "2026-W47"),
        ("2026-11-23T02:00", "week", "2026-W47"),
        ("2026-11-23T12:00", "week", "2026-W48"),
        ("2027-01-01T02:00", "week", "2026-W53"),
        ("2026-12-01T02:00", "month", "2026-11"),
        ("2024-03-01T02:00", "day", "2024-02-29"),
        ("2027-01-01T02:00", "day", "2026-12-31"),
        ("2026-11-20T02:00", "once", ""),
    ],
)
def test_a_night_that_crosses_midnight_is_one_edition(local: str, per: str, expected: str) -> None:
    assert edition(per, at(local, "Asia/Tokyo"), TOKYO, NOON) == expected


@given(IN_ZONES, TIMES, INSTANTS, st.integers(min_value=0, max_value=3 * DAY))
def test_editions_never_go_backwards(zone: tzinfo, starts: int, first: int, later: int) -> None:
    assert logical_day(first, zone, starts) <= logical_day(first + later, zone, starts)


@given(IN_ZONES, TIMES, INSTANTS)
def test_an_instant_lies_within_the_day_it_is_given(zone: tzinfo, starts: int, moment: int) -> None:
    day = logical_day(moment, zone, starts)
    assert day_starts_at(day, zone, starts) <= moment
    assert moment < day_starts_at(day + timedelta(days=1), zone, starts)


@given(IN_ZONES, TIMES, st.dates(min_value=date(1971, 1, 1), max_value=date(2099, 1, 1)))
def test_a_day_starts_when_the_clock_first_shows_it(zone: tzinfo, starts: int, day: date) -> None:
    started = day_starts_at(day, zone, starts)
    wall = datetime.combine(day, datetime.min.time()) + timedelta(milliseconds=starts)
    assert _shown(started, zone) >= wall
    assert _shown(started - 1000, zone) < wall


def _shown(moment: int, zone: tzinfo) -> datetime:
    instant = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=moment)
    return instant.astimezone(zone).replace(tzinfo=None)


@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize("starts", ["00:00", "01:30", "02:30", "12:00"])
def test_hour_by_hour_through_years_of_transitions(zone: str, starts: str) -> None:
    timezone, of_day = ZoneInfo(zone), parse_time_of_day(starts)
    seen: list[date] = []
    for moment in range(at("2009-12-01"), at("2012-02-01"), 3 * HOUR):
        day = logical_day(moment, timezone, of_day)
        if not seen or seen[-1] != day:
            seen.append(day)
    assert seen == sorted(set(seen))
    may_be_missing = {date(2011, 12, 30)} if zone == "Pacific/Apia" else set()
    everyday = {seen[0] + timedelta(days=number) for number in range((seen[-1] - seen[0]).days)}
    assert everyday - set(seen) <= may_be_missing


def test_a_local_time_that_occurs_twice_starts_one_day() -> None:
    berlin, starts = ZoneInfo("Europe/Berlin"), parse_time_of_day("02:30")
    first = at("2026-10-25T00:30")
    assert day_starts_at(date(2026, 10, 25), berlin, starts) == first
    assert edition("day", first - 1, berlin, starts) == "2026-10-24"
    assert edition("day", first, berlin, starts) == "2026-10-25"
    assert edition("day", at("2026-10-25T01:10"), berlin, starts) == "2026-10-25"


def test_a_local_time_that_never_occurs_starts_the_day_at_the_jump() -> None:
    berlin = ZoneInfo("Europe/Berlin")
    jump = at("2026-03-29T01:00")
    assert day_starts_at(date(2026, 3, 29), berlin, parse_time_of_day("02:30")) == jump


@given(st.sampled_from(["day", "week", "month"]), IN_ZONES, INSTANTS, TIMES)
def test_an_edition_reads_back_as_itself(per: str, zone: tzinfo, moment: int, starts: int) -> None:
    text = edition(per, moment, zone, starts)
    assert parse_edition(per, text) == text


@pytest.mark.parametrize(
    ("per", "text", "expected"),
    [
        ("week", "2026-11-19", "2026-W47"),
        ("month", "2026-11-19", "2026-11"),
        ("day", "2024-02-29", "2024-02-29"),
    ],
)
def test_any_date_names_the_edition_it_lies_in(per: str, text: str, expected: str) -> None:
    assert parse_edition(per, text) == expected


@pytest.mark.parametrize(
    ("per", "text"),
    [
        ("once", "2026-11-19"), ("day", "2026-W47"), ("day", "2026-02-29"), ("day", "today"),
        ("week", "2026-W54"), ("week", "2026-W00"), ("month", "2026-13"), ("month", "0000-01"),
        ("day", ""), ("day", "2026-11-19\n"), ("day", "२०२६-11-19"),
    ],
)  # fmt: skip
def test_other_texts_are_no_editions(per: str, text: str) -> None:
    with pytest.raises(EditionError):
        parse_edition(per, text)


@pytest.mark.parametrize(
    ("deadline", "opened", "falls"),
    [
        ("06:30", "2026-11-19T22:30", "2026-11-20T06:30"),
        ("06:30", "2026-11-20T02:00", "2026-11-20T06:30"),
        ("06:30", "2026-11-20T06:30", "2026-11-21T06:30"),
        ("06:30", "2026-12-31T22:30", "2027-01-01T06:30"),
        ("7h30m", "2026-11-19T22:30", "2026-11-20T06:00"),
    ],
)
def test_a_deadline_is_the_next_such_time_or_a_length(
    deadline: str, opened: str, falls: str
) -> None:
    assert deadline_at(deadline, at(opened, "Asia/Tokyo"), TOKYO) == at(falls, "Asia/Tokyo")


def test_summer_time_moves_the_instant_not_the_local_deadline() -> None:
    berlin = ZoneInfo("Europe/Berlin")
    spring = deadline_at("06:30", at("2026-03-28T22:30", "Europe/Berlin"), berlin)
    autumn = deadline_at("06:30", at("2026-10-24T22:30", "Europe/Berlin"), berlin)
    assert spring - at("2026-03-28T22:30", "Europe/Berlin") == 7 * HOUR
    assert autumn - at("2026-10-24T22:30", "Europe/Berlin") == 9 * HOUR


@settings(max_examples=200)
@given(IN_ZONES, TIMES, INSTANTS)
def test_a_deadline_is_always_ahead_and_soon(zone: tzinfo, of_day: int, opened: int) -> None:
    text = f"{of_day // HOUR:02d}:{of_day % HOUR // 60_000:02d}"
    ahead = deadline_at(text, opened, zone) - opened
    assert 0 < ahead <= 2 * DAY


def test_the_day_the_calendar_left_out_is_no_edition() -> None:
    apia = ZoneInfo("Pacific/Apia")
    last = at("2011-12-29T23:59:59", "Pacific/Apia")
    assert edition("day", last, apia, 0) == "2011-12-29"
    assert edition("day", last + 1000, apia, 0) == "2011-12-31"


def test_impossible_clocks_do_not_break_the_calendar() -> None:
    assert edition("day", -5, ZoneInfo("UTC"), 0) == "1970-01-01"
    assert edition("day", 10**18, TOKYO, NOON) == edition("day", 10**19, TOKYO, NOON)
    assert deadline_at("06:30", -5, ZoneInfo("UTC")) == at("1970-01-01T06:30")
