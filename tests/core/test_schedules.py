"""Schedules: each logical night begins once or is told as missed, whatever clocks and sleep do."""

from __future__ import annotations

from datetime import UTC, date, datetime
from itertools import takewhile
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bydawn.core.editions import edition
from bydawn.core.schedules import (
    MOST_RESUMES,
    Due,
    Night,
    Schedule,
    ScheduleError,
    Watched,
    due,
    minutes_to_look,
    moments_after,
    moments_between,
    parse_cron,
)

MINUTE, HOUR = 60_000, 3_600_000
DAY = 24 * HOUR
TEN_ZONES = [
    "UTC", "Europe/Berlin", "America/New_York", "America/Sao_Paulo", "Australia/Lord_Howe",
    "America/St_Johns", "Africa/Cairo", "Asia/Beirut", "Pacific/Chatham", "Asia/Tokyo",
]  # fmt: skip


def at(text: str, zone: str = "UTC") -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).timestamp()) * 1000


@pytest.mark.parametrize("cron", ["30 22 * * *", "30 1 * * *", "30 2 * * *", "0 0 * * *"])
@pytest.mark.parametrize("zone", TEN_ZONES)
def test_each_night_of_eleven_years_begins_once(zone: str, cron: str) -> None:
    schedule = Schedule(parse_cron(cron), ZoneInfo(zone))
    first, last = at("2024-01-01", zone), at("2035-01-01", zone)
    moments = list(takewhile(lambda m: m < last, moments_after(schedule, first - MINUTE)))
    editions = [edition("day", moment, ZoneInfo(zone), 0) for moment in moments]
    assert len(editions) == (date(2035, 1, 1) - date(2024, 1, 1)).days
    assert len(set(editions)) == len(editions)
    assert moments == sorted(moments)


def test_moments_are_strictly_after() -> None:
    schedule = Schedule("30 22 * * *", UTC)
    night = at("2026-11-20T22:30:00")
    assert next(moments_after(schedule, night - 1)) == night
    assert next(moments_after(schedule, night)) == night + DAY
    assert moments_between(schedule, night - 2 * DAY, night) == [night - DAY, night]


@pytest.mark.parametrize(
    ("given_", "words"),
    [
        ("* * * *", "five fields"),
        ("@reboot", "five fields"),
        ("61 * * * *", "minute"),
        ("0 0 31 2 *", "day-of-month"),
        ("", "five fields"),
    ],
)
def test_what_is_no_cron_line(given_: str, words: str) -> None:
    with pytest.raises(ScheduleError, match=words):
        parse_cron(given_)


def test_words_are_known() -> None:
    assert parse_cron("@Daily") == "0 0 * * *"
    assert parse_cron(" 5 4 * * mon ") == "5 4 * * mon"


NOW = at("2026-11-20T22:31:00")
MOMENT = at("2026-11-20T22:30:00")
BEGUN = Night(MOMENT, MOMENT, MOMENT)


@pytest.mark.parametrize(
    ("watched", "moments", "now", "expected"),
    [
        pytest.param(Watched(NOW), [], NOW, Due(), id="nothing is due"),
        pytest.param(
            Watched(0), [MOMENT], NOW, Due(Night(MOMENT, NOW, NOW)), id="the night begins"
        ),
        pytest.param(
            Watched(0), [MOMENT], MOMENT + 2 * HOUR, Due(Night(MOMENT, MOMENT + 2 * HOUR,
            MOMENT + 2 * HOUR)), id="just in time",
        ),
        pytest.param(
            Watched(0), [MOMENT], MOMENT + 2 * HOUR + 1, Due(None, (MOMENT,)), id="too late"
        ),
        pytest.param(
            Watched(0), [MOMENT - 2 * DAY, MOMENT - DAY, MOMENT], NOW,
            Due(Night(MOMENT, NOW, NOW), (MOMENT - 2 * DAY, MOMENT - DAY)), id="no burst",
        ),
        pytest.param(
            Watched(MOMENT, BEGUN), [], NOW, Due(Night(MOMENT, MOMENT, NOW, resumes=1)),
            id="its runner died",
        ),
        pytest.param(
            Watched(MOMENT, Night(MOMENT, MOMENT, MOMENT, NOW, 1)), [], NOW, Due(), id="it is over"
        ),
        pytest.param(
            Watched(MOMENT, BEGUN), [], MOMENT + 3 * HOUR, Due(), id="it died long ago"
        ),
        pytest.param(
            Watched(MOMENT, Night(MOMENT, MOMENT, NOW, resumes=MOST_RESUMES)), [], NOW, Due(),
            id="it dies again and again",
        ),
        pytest.param(
            Watched(MOMENT, BEGUN), [MOMENT + DAY], MOMENT + DAY,
            Due(Night(MOMENT + DAY, MOMENT + DAY, MOMENT + DAY)), id="the next has come",
        ),
    ],
)  # fmt: skip
def test_what_is_due(watched: Watched, moments: list[int], now: int, expected: Due) -> None:
    assert due(watched, moments, now, 2 * HOUR) == expected


@given(st.lists(st.integers(min_value=1, max_value=5 * DAY), min_size=1, max_size=60))
def test_every_moment_begins_once_or_is_missed(gaps: list[int]) -> None:
    """Looks at any distance: sleeps, power cuts, holidays."""
    schedule, start = Schedule("30 22 * * *", UTC), at("2026-01-01")
    now, watched, begun = start, Watched(start), []
    for gap in gaps:
        now += gap
        todo = due(watched, moments_between(schedule, watched.looked_at, now), now, 2 * HOUR)
        if todo.night:
            assert now - todo.night.moment_at <= 2 * HOUR
            begun.append(todo.night.moment_at)
        over = Night(todo.night.moment_at, now, now, now, 0) if todo.night else watched.night
        watched = Watched(now, over, (*watched.missed, *todo.missed))
    assert sorted([*begun, *watched.missed]) == moments_between(schedule, start, now)


@given(st.integers(0, 59), st.integers(0, 59))
def test_one_looks_at_every_minute_the_line_names(one: int, other: int) -> None:
    minutes = minutes_to_look(f"{one},{other} 3 * * *")
    assert {one, other} <= set(minutes)
    gaps = [after - before for before, after in zip(minutes, [*minutes[1:], 60 + minutes[0]],
            strict=True)]  # fmt: skip
    assert max(gaps) <= 5
