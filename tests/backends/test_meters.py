"""Vendors count tokens differently; ours add up."""

from __future__ import annotations

from typing import Any

import pytest

from bydawn.backends.managed.meters import (
    claude_cost_micros,
    claude_tokens,
    gemini_tokens,
    openai_cost_micros,
    openai_tokens,
)
from bydawn.core.budgets import total_tokens


def test_gemini_counts_thoughts_and_tool_prompts_beside_the_rest() -> None:
    usage = {
        "total_input_tokens": 1_000,
        "total_cached_tokens": 400,
        "total_output_tokens": 200,
        "total_thought_tokens": 50,
        "total_tool_use_tokens": 30,
        "total_tokens": 1_280,
    }
    tokens = gemini_tokens(usage)
    assert tokens == {
        "input_tokens": 1_030,
        "output_tokens": 250,
        "cache_read_tokens": 400,
        "reasoning_tokens": 50,
    }
    assert total_tokens(tokens) == usage["total_tokens"]


def test_large_numbers_come_as_texts() -> None:
    assert (
        total_tokens(gemini_tokens({"total_input_tokens": "10", "total_output_tokens": "5"})) == 15
    )


def test_what_a_total_has_more_than_its_parts_was_put_out() -> None:
    assert total_tokens(gemini_tokens({"total_input_tokens": 10, "total_tokens": 25})) == 25


def test_openai_totals_hold_their_parts() -> None:
    usage = {
        "input_tokens": 100,
        "input_tokens_details": {"cached_tokens": 40, "cache_write_tokens": 5},
        "output_tokens": 60,
        "output_tokens_details": {"reasoning_tokens": 20},
        "total_tokens": 160,
    }
    tokens = openai_tokens(usage)
    assert tokens == {
        "input_tokens": 100,
        "output_tokens": 60,
        "cache_read_tokens": 40,
        "cache_write_tokens": 5,
        "reasoning_tokens": 20,
    }
    assert total_tokens(tokens) == usage["total_tokens"]


def test_claude_counts_the_cache_beside_the_input() -> None:
    usage = {
        "input_tokens": 10,
        "output_tokens": 20,
        "cache_read_input_tokens": 300,
        "cache_creation": {"ephemeral_5m_input_tokens": 40, "ephemeral_1h_input_tokens": 5},
    }
    assert claude_tokens(usage) == {
        "input_tokens": 355,
        "output_tokens": 20,
        "cache_read_tokens": 300,
        "cache_write_tokens": 45,
    }


@pytest.mark.parametrize("read", [gemini_tokens, openai_tokens, claude_tokens])
@pytest.mark.parametrize(
    "usage",
    [None, [], "7", {"input_tokens": "seven"}, {"total_input_tokens": -1}, {"output_tokens": True}],
)
def test_a_meter_that_says_nothing_sensible_says_nothing(read: Any, usage: Any) -> None:
    assert total_tokens(read(usage)) == 0


@pytest.mark.parametrize(
    ("cost", "expected"),
    [
        ({"amount": "2500", "currency": "USD"}, 25_000_000),
        ({"amount": "0", "currency": "USD"}, 0),
        ({"amount": "2500", "currency": "EUR"}, None),
        ({"amount": "25.5", "currency": "USD"}, None),
        ({"amount": "9" * 40, "currency": "USD"}, None),
        (None, None),
    ],
)
def test_claudes_list_price_comes_in_whole_cents(cost: Any, expected: int | None) -> None:
    assert claude_cost_micros({"list_cost": cost}) == expected


@pytest.mark.parametrize(
    ("control", "expected"),
    [
        ({"limit": 500, "consumed": 12}, 130_000),
        ({"limit": 500, "consumed": 0}, 10_000),
        ({"limit": 500, "consumed": None}, None),
        ({"limit": 500, "consumed": -1}, None),
        (None, None),
    ],
)
def test_openai_rounds_down_so_we_round_up(control: Any, expected: int | None) -> None:
    assert openai_cost_micros({"spend_control": control}) == expected
