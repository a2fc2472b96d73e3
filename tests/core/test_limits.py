"""Limits in lengths: who steps in when, and that no look comes after the next one is up."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from bydawn.core.limits import (
    attempt_deadline,
    is_overdue,
    is_stalled,
    is_stalling,
    patience_over,
    until_next_limit,
)

LENGTH = st.integers(-(10**9), 10**9)
STALL = st.one_of(st.none(), st.integers(1, 10**9))


def test_a_remote_run_is_overdue_at_its_limit_a_local_one_after_its_supervisors_grace() -> None:
    assert is_overdue(0, 10_000, local=False)
    assert not is_overdue(1, 10_000, local=False)
    assert not is_overdue(-15_000 + 1, 10_000, local=True)
    assert is_overdue(-15_000, 10_000, local=True)
    assert not is_overdue(None, 0, local=False)


def test_a_stall_is_no_progress_for_the_stall_limit() -> None:
    assert is_stalled(5, 5)
    assert not is_stalled(4, 5)
    assert not is_stalled(10**12, None)


@given(left=st.one_of(st.none(), LENGTH), quiet=st.integers(0, 10**9), stall=STALL,
       grace=st.integers(0, 10**6), local=st.booleans(), waited=st.integers(1, 10**9))  # fmt: skip
def test_nothing_is_up_before_the_next_limit_says_so(
    left: int | None, quiet: int, stall: int | None, grace: int, local: bool, waited: int
) -> None:
    wait = until_next_limit(left, grace, local, quiet, stall)
    assert wait >= 1
    if waited < wait:
        assert not is_overdue(None if left is None else left - waited, grace, local)
        assert not is_stalled(quiet + waited, stall)


@given(left=LENGTH, quiet=st.integers(0, 10**9), stall=STALL, grace=st.integers(0, 10**6))
def test_at_the_next_limit_one_is_up(left: int, quiet: int, stall: int | None, grace: int) -> None:
    wait = until_next_limit(left, grace, False, quiet, stall)
    is_shown_now = is_stalling(quiet + wait, stall) and not is_stalling(quiet, stall)
    is_up = is_overdue(left - wait, grace, False) or is_stalled(quiet + wait, stall)
    assert is_up or is_shown_now


@given(quiet=st.integers(0, 10**9), stall=STALL)
def test_a_stall_is_shown_before_it_ends_a_run(quiet: int, stall: int | None) -> None:
    if is_stalled(quiet, stall):
        assert is_stalling(quiet, stall)
    assert is_stalling(quiet, stall) == (stall is not None and quiet * 2 >= stall)


def test_patience_is_bounded() -> None:
    assert not patience_over(60_999, 1_000)
    assert patience_over(61_000, 1_000)


def test_a_deadline_is_the_start_and_the_limit() -> None:
    assert attempt_deadline(7, 5) == 12
