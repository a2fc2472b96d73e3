"""Tokens times price: rounded up, by kind, and never nothing for want of a price."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from bydawn.core.prices import Price, cost_micros, no_price, priced
from bydawn.core.sightings import Usage

PRICE = Price(1_250_000, 10_000_000, "list 1", cache_read_micros=125_000)
COUNTS = st.integers(0, 10**9)


def test_input_and_output_have_prices_of_their_own() -> None:
    assert cost_micros({"input_tokens": 1000, "output_tokens": 100}, PRICE) == 1250 + 1000


def test_cached_input_is_a_part_of_the_input() -> None:
    tokens = {"input_tokens": 1000, "cached_input_tokens": 400, "output_tokens": 0}
    assert cost_micros(tokens, PRICE) == 600 * 1.25 + 50


def test_a_kind_without_a_price_costs_what_other_input_costs() -> None:
    tokens = {"input_tokens": 1000, "cache_write_tokens": 400}
    assert cost_micros(tokens, PRICE) == 1250


def test_what_costs_something_never_costs_nothing() -> None:
    assert cost_micros({"input_tokens": 1}, Price(1, 1, "cheap")) == 1


@given(COUNTS, COUNTS, COUNTS)
def test_more_tokens_never_cost_less(tokens: int, more: int, out: int) -> None:
    few = {"input_tokens": tokens, "output_tokens": out}
    many = {"input_tokens": tokens + more, "output_tokens": out}
    assert cost_micros(few, PRICE) <= cost_micros(many, PRICE)


def test_the_amount_names_its_list() -> None:
    usage = priced(Usage({"input_tokens": 8}), "m", lambda _: PRICE)
    assert (usage.cost_micros, usage.prices) == (10, "list 1")


def test_the_meters_own_dollars_are_believed() -> None:
    told = Usage({"input_tokens": 8}, 7)
    assert priced(told, "m", lambda _: PRICE) is told


def test_without_a_price_a_model_or_a_meter_the_cost_stays_unknown() -> None:
    tokens = Usage({"input_tokens": 8})
    assert priced(tokens, "m", no_price).cost_micros is None
    assert priced(tokens, None, lambda _: PRICE).cost_micros is None
    assert priced(Usage({"steps": 8}), "m", lambda _: PRICE).cost_micros is None
