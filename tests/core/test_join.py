"""The join: when a batch is over, and which exit code wins."""

from __future__ import annotations

import itertools

import pytest

from bydawn.core.join import Standing, allowed_failures, fold, is_joined

FIELDS = {"parked": 8, "over_budget": 5, "past_deadline": 4, "cancelled": 7, "failed": 1}
WORDS = {"parked": "parked", "over_budget": "budget", "past_deadline": "deadline",
         "cancelled": "cancelled", "failed": "failed"}  # fmt: skip
PRECEDENCE = (8, 5, 4, 7, 1)


def test_every_combination_has_the_highest_code_and_names_all_reasons() -> None:
    """I14: 8, 5, 4, 7, 1; and 0 only when nothing applies."""
    for chosen in itertools.product((0, 1, 3), repeat=len(FIELDS)):
        facts = dict(zip(FIELDS, chosen, strict=True))
        applying = [name for name, count in facts.items() if count]
        joined = fold(Standing(succeeded=5, **facts), "0")
        codes = [FIELDS[name] for name in applying]
        assert joined.exit_code == next((code for code in PRECEDENCE if code in codes), 0)
        assert set(joined.reasons) == {WORDS[name] for name in applying}
        assert (joined.outcome == "succeeded") == (not applying)


@pytest.mark.parametrize(
    ("text", "total", "allowed"),
    [("0", 10, 0), ("3", 10, 3), ("5%", 100, 5), ("5%", 10, 0), ("50%", 3, 1), ("0%", 9, 0)],
)
def test_allowed_failures(text: str, total: int, allowed: int) -> None:
    assert allowed_failures(text, total) == allowed


def test_allowed_failures_excuse_failures_and_nothing_else() -> None:
    assert fold(Standing(succeeded=9, failed=1), "1").exit_code == 0
    assert fold(Standing(succeeded=8, failed=2), "1").exit_code == 1
    assert fold(Standing(succeeded=8, failed=1, parked=1), "1").exit_code == 8
    assert fold(Standing(succeeded=8, failed=1, cancelled=1), "1").exit_code == 7


def test_jobs_that_were_never_reached_are_no_success() -> None:
    standing = Standing(queued=1, blocked=1, succeeded=3)
    assert is_joined(standing)
    assert fold(standing, "0").exit_code == 1
    assert fold(Standing(queued=1, behind_canary=1, succeeded=3), "0").exit_code == 1


@pytest.mark.parametrize("name", ["running", "startable", "waiting_time"])
def test_what_holds_the_join(name: str) -> None:
    """Join must not overlook what is in flight, startable, or waiting for a timer."""
    assert is_joined(Standing(succeeded=2))
    assert not is_joined(Standing(succeeded=2, **{name: 1}))


def test_parked_and_blocked_jobs_do_not_hold_the_join_and_a_pause_does() -> None:
    assert is_joined(Standing(queued=2, blocked=2, parked=1))
    assert not is_joined(Standing(succeeded=1, paused=True))


def test_a_standing_is_a_partition() -> None:
    parts = Standing(queued=1, running=2, succeeded=3, failed=4, cancelled=5, parked=6)
    assert parts.total == 21


def test_a_launch_under_way_holds_the_join_and_is_counted_as_queued() -> None:
    standing = Standing(queued=1, launching=1)
    assert not is_joined(standing)
    assert standing.total == 1
