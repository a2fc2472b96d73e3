"""What a run costs where its meter counts tokens and no dollars. The table is an argument.

A price that is not known is None and never nothing; an amount worked out here remembers the list it
was worked out from.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from bydawn.core.sightings import Usage
from bydawn.core.values import value

_MILLION = 1_000_000
# Parts of the input under the names that meters use; whatever is left of it costs the plain price.
_READ_FROM_CACHE = ("cache_read_tokens", "cached_input_tokens", "cache_read_input_tokens")
_WRITTEN_TO_CACHE = (
    "cache_write_tokens",
    "cache_write_input_tokens",
    "cache_creation_input_tokens",
)


@value
class Price:
    """A million tokens of each kind, in millionths of a dollar. ``snapshot`` names the list.

    A kind of cached input without a price of its own costs as much as any other input.
    """

    input_micros: int
    output_micros: int
    snapshot: str
    cache_read_micros: int | None = None
    cache_write_micros: int | None = None


PriceOf = Callable[[str], Price | None]
"""The price of a model; None where no list has it."""


def no_price(model: str) -> Price | None:
    """The list of somebody who has none."""
    del model
    return None


def cost_micros(tokens: Mapping[str, int], price: Price) -> int:
    """Tokens times price, rounded up: a token that costs something never costs nothing."""
    read = _first(tokens, _READ_FROM_CACHE)
    written = _first(tokens, _WRITTEN_TO_CACHE)
    plain = max(0, tokens.get("input_tokens", 0) - read - written)
    total = (
        plain * price.input_micros
        + read * _or(price.cache_read_micros, price.input_micros)
        + written * _or(price.cache_write_micros, price.input_micros)
        + tokens.get("output_tokens", 0) * price.output_micros
    )
    return -(-total // _MILLION)


def priced(usage: Usage, model: str | None, price_of: PriceOf) -> Usage:
    """The meter's word, its cost worked out where it gave tokens alone and a price is known."""
    if usage.cost_micros is not None or model is None or not _is_metered(usage.tokens):
        return usage
    price = price_of(model)
    if price is None:
        return usage
    return replace(usage, cost_micros=cost_micros(usage.tokens, price), prices=price.snapshot)


def _is_metered(tokens: Mapping[str, int]) -> bool:
    return "input_tokens" in tokens or "output_tokens" in tokens


def _first(tokens: Mapping[str, int], names: tuple[str, ...]) -> int:
    return next((tokens[name] for name in names if name in tokens), 0)


def _or(value: int | None, otherwise: int) -> int:
    return otherwise if value is None else value
