"""``bydawn cost prices``: which price a model has here, which list it is from, and own prices."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import click

from bydawn.cli.settings import Settings
from bydawn.cli.talk import Talk
from bydawn.cli.verb import Family, verb
from bydawn.core.errors import UsageError
from bydawn.watch.amounts import decimal
from bydawn.watch.telling import table

if TYPE_CHECKING:
    from bydawn.core.prices import Price

_DOLLARS = "Dollars for a million tokens."


@click.group(cls=Family)
def prices() -> None:
    """What a million tokens cost: your own prices, then those of the extra bydawn[prices]."""


@verb("bydawn cost prices list", "bydawn cost prices list gemini", name="list")
@click.argument("pattern", default="")
def list_prices(settings: Settings, talk: Talk, pattern: str) -> int:
    """Every model with a known price whose name holds PATTERN."""
    from bydawn.app.prices import listed

    del settings
    found = listed(os.environ, pattern)
    documents = [_document(one.model, one.price) for one in found]
    head = ("MODEL", "INPUT", "OUTPUT", "CACHE_READ", "CACHE_WRITE", "LIST")
    rows = [head, *(_row(one) for one in documents)]
    lines = table(rows) if documents else ["no known price; bydawn cost prices set MODEL sets one"]
    talk.answer({"schema": "bydawn/prices/1", "prices": documents}, lines)
    return 0


@verb("bydawn cost prices show gemini-2.5-pro --json")
@click.argument("model")
def show(settings: Settings, talk: Talk, model: str) -> int:
    """The price of one model, and the list it is from. Exit 2 when it is not known."""
    from bydawn.app.prices import price_finder

    del settings
    price = price_finder(os.environ)(model)
    if price is None:
        remedy = f"bydawn cost prices set {model} --input X --output Y, or install bydawn[prices]"
        raise UsageError(f"{model}: its price is not known here", remedy)
    _say(talk, model, price)
    return 0


@verb("bydawn cost prices set my-model --input 1.25 --output 10", name="set")
@click.argument("model")
@click.option("--input", "input_", metavar="X", required=True, help=_DOLLARS)
@click.option("--output", metavar="Y", required=True, help=_DOLLARS)
@click.option("--cache-read", metavar="Z", help="The same for input read from a cache.")
@click.option("--cache-write", metavar="Z", help="The same for input written to a cache.")
def set_price(settings: Settings, talk: Talk, model: str, input_: str, **more: Any) -> int:
    """Set a price of your own, kept in prices.toml of your configuration folder."""
    from bydawn.app.prices import set_price as write

    del settings
    _say(talk, model, write(os.environ, model, {"input": input_, **more}))
    return 0


def _say(talk: Talk, model: str, price: Price) -> None:
    document = _document(model, price)
    told = ", ".join(
        f"{name.removesuffix('_usd').replace('_', ' ')} ${document[name]}"
        for name in ("input_usd", "output_usd", "cache_read_usd", "cache_write_usd")
        if document[name] is not None
    )
    line = f"{model}: {told} for a million tokens ({price.snapshot})"
    talk.answer({"schema": "bydawn/price/1", **document}, [line])


def _document(model: str, price: Price) -> dict[str, Any]:
    return {
        "model": model,
        "input_usd": decimal(price.input_micros),
        "output_usd": decimal(price.output_micros),
        "cache_read_usd": decimal(price.cache_read_micros),
        "cache_write_usd": decimal(price.cache_write_micros),
        "list": price.snapshot,
    }


def _row(document: dict[str, Any]) -> tuple[str, ...]:
    names = ("input_usd", "output_usd", "cache_read_usd", "cache_write_usd")
    return (document["model"], *(document[name] or "-" for name in names), document["list"])


for _made in (list_prices, show, set_price):
    prices.add_command(_made)
