"""Vendors' token counts under one set of names (docs/glossary.md), so that they add up.

``input_tokens`` is all that went in and ``output_tokens`` all that came out; cached, reasoning and
tool tokens are parts of these two, named besides.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bydawn.core.believing import is_count

MICROS_OF_CENT = 10_000


def counted(
    tokens_in: int, tokens_out: int, *, read: int = 0, written: int = 0, thought: int = 0
) -> dict[str, int]:
    """Totals and those of their parts that are not nothing."""
    parts = {"cache_read_tokens": read, "cache_write_tokens": written, "reasoning_tokens": thought}
    total = {"input_tokens": tokens_in, "output_tokens": tokens_out}
    return {**total, **{name: count for name, count in parts.items() if count}}


def gemini_tokens(usage: Any) -> dict[str, int]:
    """Google counts tool prompts beside the input, and thoughts beside the output."""
    if not _says(usage, "total_input_tokens", "total_output_tokens", "total_tokens"):
        return {}
    thought = _number(usage, "total_thought_tokens")
    tokens_in = _number(usage, "total_input_tokens") + _number(usage, "total_tool_use_tokens")
    tokens_out = _number(usage, "total_output_tokens") + thought
    # Where the parts say less than the total, what is missing was generated.
    tokens_out = max(tokens_out, _number(usage, "total_tokens") - tokens_in)
    read = _number(usage, "total_cached_tokens")
    return counted(tokens_in, tokens_out, read=read, thought=thought)


def openai_tokens(usage: Any) -> dict[str, int]:
    """OpenAI's totals hold their parts already."""
    if not _says(usage, "input_tokens", "output_tokens"):
        return {}
    went_in, came_out = usage.get("input_tokens_details"), usage.get("output_tokens_details")
    return counted(
        _number(usage, "input_tokens"),
        _number(usage, "output_tokens"),
        read=_number(went_in, "cached_tokens"),
        written=_number(went_in, "cache_write_tokens"),
        thought=_number(came_out, "reasoning_tokens"),
    )


def claude_tokens(usage: Any) -> dict[str, int]:
    """Anthropic counts what was read from and written to the cache beside the input."""
    if not _says(usage, "input_tokens", "output_tokens"):
        return {}
    written = usage.get("cache_creation")
    written_tokens = sum(_whole(count) for count in written.values()) if _is_table(written) else 0
    read = _number(usage, "cache_read_input_tokens")
    tokens_in = _number(usage, "input_tokens") + read + written_tokens
    tokens_out = _number(usage, "output_tokens")
    return counted(tokens_in, tokens_out, read=read, written=written_tokens)


def claude_cost_micros(usage: Any) -> int | None:
    """The list price so far, which comes as a text of whole cents; None where it is not told."""
    cost = usage.get("list_cost") if isinstance(usage, Mapping) else None
    if not isinstance(cost, Mapping) or cost.get("currency") != "USD":
        return None
    amount = str(cost.get("amount", ""))
    return int(amount) * MICROS_OF_CENT if amount.isdecimal() and len(amount) < 15 else None


def openai_cost_micros(session: Mapping[str, Any]) -> int | None:
    """What a session with a spending limit has used; told in whole cents, rounded down by OpenAI
    and therefore up by us."""
    control = session.get("spend_control")
    consumed = control.get("consumed") if isinstance(control, Mapping) else None
    if not isinstance(consumed, int) or not is_count(consumed):
        return None
    return (consumed + 1) * MICROS_OF_CENT


def _says(usage: Any, *names: str) -> bool:
    """Whether a meter speaks at all; a nought it speaks of is one."""
    return isinstance(usage, Mapping) and any(_is_count(usage.get(name)) for name in names)


def _is_count(value: Any) -> bool:
    """A whole number, or the text of one: JSON has no place for large ones but texts."""
    if isinstance(value, str):
        return value.isdecimal() and len(value) < 16
    return isinstance(value, int) and is_count(value)


def _number(table: Any, name: str) -> int:
    return _whole(table.get(name)) if isinstance(table, Mapping) else 0


def _whole(value: Any) -> int:
    """A count as it should be; anything else counts as nothing."""
    return int(value) if _is_count(value) else 0


def _is_table(value: Any) -> bool:
    return isinstance(value, Mapping)
