"""Reserve, settle, and never more than the cap at a launch (I8)."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from bydawn.core.budgets import Amount, charge, has_room, is_overrun, reservation, total_tokens
from bydawn.core.model import Bound
from bydawn.core.sightings import Usage

MICROS = st.integers(0, 10**9)


@given(cap=MICROS, bound=MICROS, actual=st.lists(st.one_of(st.none(), MICROS), max_size=30))
def test_reserved_and_spent_never_exceed_the_cap_at_a_launch(
    cap: int, bound: int, actual: list[int | None]
) -> None:
    """Launches one by one, each ending at its own cost or silently; overshoot is what ran over."""
    used = overshoot = 0
    for cost in actual:
        wanted = reservation(Bound(usd_micros=bound), Amount())
        if not has_room(cap, used, wanted.usd_micros):
            break
        used += wanted.usd_micros
        assert used <= cap + overshoot
        spent = charge(Usage(cost_micros=cost), wanted).usd_micros
        overshoot += max(0, spent - wanted.usd_micros)
        used += spent - wanted.usd_micros
    assert used <= cap + overshoot


@given(bound=MICROS, spent=MICROS)
def test_a_job_reserves_only_what_remains_of_its_bound(bound: int, spent: int) -> None:
    wanted = reservation(Bound(usd_micros=bound, tokens=bound), Amount(spent, spent))
    assert wanted == Amount(max(0, bound - spent), max(0, bound - spent))
    assert reservation(Bound(), Amount(spent, spent)) == Amount()


def test_a_silent_meter_is_charged_in_full_and_unit_by_unit() -> None:
    assert charge(Usage(), Amount(7, 9)) == Amount(7, 9)
    assert charge(Usage(cost_micros=0), Amount(7, 9)) == Amount(0, 9)
    assert charge(Usage({"input_tokens": 0}), Amount(7, 9)) == Amount(7, 0)


def test_finer_classes_of_tokens_are_parts_of_the_coarse_ones() -> None:
    counted = {"input_tokens": 3, "output_tokens": 4, "cached_tokens": 2, "unmetered_tokens": 5}
    assert total_tokens(counted) == 12


def test_an_overrun_counts_what_was_spent_before() -> None:
    bound = Bound(usd_micros=10, tokens=10)
    assert not is_overrun(bound, Amount(4, 4), Usage({"input_tokens": 6}, 6))
    assert is_overrun(bound, Amount(4, 4), Usage({"input_tokens": 7}, 0))
    assert is_overrun(bound, Amount(5, 0), Usage({}, 6))
    assert not is_overrun(Bound(), Amount(10**12, 10**12), Usage({}, 10**12))


def test_no_cap_has_always_room() -> None:
    assert has_room(None, 10**15, 10**15)
    assert has_room(10, 4, 6)
    assert not has_room(10, 4, 7)
