"""What models cost: the user's own ``prices.toml`` first, then the list of the extra ``prices``.

The packaged list is loaded late: it is asked only about a model whose meter names no dollars, or by
a plan that is capped in dollars.
"""

from __future__ import annotations

import functools
import hashlib
import tomllib
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

from bydawn.core.errors import Complaint, PlanInvalid, UsageError
from bydawn.core.folders import user_folder
from bydawn.core.prices import Price, PriceOf
from bydawn.core.values import value

_MICROS = 1_000_000
_MOST = Decimal(1_000_000)
_NAMES = ("input", "output", "cache_read", "cache_write")
FILE = "prices.toml"


@value
class Listed:
    """One model of a list."""

    model: str
    price: Price


def own_file(environment: Mapping[str, str]) -> Path | None:
    """Where the user's own prices are, or would be; None where there is no home."""
    folder = user_folder(environment)
    return Path(folder, FILE) if folder else None


def price_finder(environment: Mapping[str, str]) -> PriceOf:
    """The price of a model, own prices first; each model is looked up once."""
    own: dict[str, Price] | None = None

    @functools.cache
    def price_of(model: str) -> Price | None:
        nonlocal own
        own = own_prices(environment) if own is None else own
        return own.get(model) or _packaged(model)

    return price_of


def own_prices(environment: Mapping[str, str]) -> dict[str, Price]:
    """What the user set; PlanInvalid when the file cannot be understood."""
    path = own_file(environment)
    if path is None or not path.exists():
        return {}
    data = path.read_bytes()
    snapshot = f"{FILE} {hashlib.sha256(data).hexdigest()[:8]}"
    try:
        tables = tomllib.loads(data.decode())
        return {model: _price_from(table, snapshot) for model, table in tables.items()}
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        what = f"is no list of prices: {error}"
        told = Complaint(str(path), None, "", what, "correct it by hand")
        raise PlanInvalid((told,)) from error


def listed(environment: Mapping[str, str], pattern: str) -> list[Listed]:
    """Every known model whose name holds ``pattern``, own prices first."""
    own = own_prices(environment)
    found = [Listed(model, price) for model, price in sorted(own.items())]
    found += [one for one in _all_packaged() if one.model not in own]
    return [one for one in found if pattern in one.model]


def set_price(
    environment: Mapping[str, str], model: str, dollars: Mapping[str, str | None]
) -> Price:
    """Write one own price, in dollars a million tokens; the others stay as they are."""
    path = own_file(environment)
    if path is None:
        raise UsageError("there is no home folder to keep prices in", "set HOME or XDG_CONFIG_HOME")
    tables = {known: _table_from(price) for known, price in own_prices(environment).items()}
    tables[model] = {name: _checked(name, text) for name, text in dollars.items() if text}
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    private = path.with_suffix(".new")
    private.write_text(_toml(tables), "utf-8")
    private.replace(path)
    return own_prices(environment)[model]


def _price_from(table: Mapping[str, Any], snapshot: str) -> Price:
    unknown = sorted(set(table) - set(_NAMES))
    if unknown:
        raise ValueError(f"unknown key {unknown[0]}")
    read, written = table.get("cache_read"), table.get("cache_write")
    return Price(
        _micros(table["input"]),
        _micros(table["output"]),
        snapshot,
        None if read is None else _micros(read),
        None if written is None else _micros(written),
    )


def _micros(dollars: Any) -> int:
    if isinstance(dollars, bool) or not isinstance(dollars, str | int | float | Decimal):
        raise ValueError(f"{dollars!r} is no amount of dollars")
    try:
        amount = Decimal(str(dollars))
    except InvalidOperation as error:
        raise ValueError(f"{dollars!r} is no amount of dollars") from error
    if not (amount.is_finite() and 0 <= amount <= _MOST):
        raise ValueError(f"{dollars!r} is no price of a million tokens")
    return int((amount * _MICROS).to_integral_value())


def _checked(name: str, text: str) -> str:
    try:
        _micros(text)
    except ValueError as error:
        flag = f"--{name.replace('_', '-')}"
        raise UsageError(f"{flag}: {error}", "write dollars, such as 1.25") from error
    return text


def _table_from(price: Price) -> dict[str, str]:
    values = (
        price.input_micros, price.output_micros, price.cache_read_micros, price.cache_write_micros
    )  # fmt: skip
    pairs = zip(_NAMES, values, strict=True)
    return {name: f"{Decimal(value) / _MICROS:f}" for name, value in pairs if value is not None}


def _toml(tables: Mapping[str, Mapping[str, str]]) -> str:
    lines = ["# Dollars for a million tokens; written by `bydawn cost prices set`."]
    for model, table in sorted(tables.items()):
        lines += ["", f"[{_quoted(model)}]"]
        lines += [f'{name} = "{text}"' for name, text in table.items()]
    return "\n".join(lines) + "\n"


def _quoted(name: str) -> str:
    if any(ord(letter) < 32 or letter in '"\\' for letter in name):
        raise UsageError(f"{name!r}: is no name of a model", "leave quotes and controls out")
    return f'"{name}"'


def _snapshot() -> Any:
    """The packaged list; None where the extra is not installed."""
    try:
        from genai_prices.data_snapshot import get_snapshot
    except ImportError:
        return None
    return get_snapshot()


def _packaged(model: str) -> Price | None:
    found = _snapshot()
    if found is None:
        return None
    try:
        _, known = found.find_provider_model(model, None, None, None)
    except LookupError:
        return None
    return _price_of_known(known)


def _all_packaged() -> Iterator[Listed]:
    found = _snapshot()
    seen: set[str] = set()
    for provider in found.providers if found else ():
        for known in provider.models:
            price = None if known.id in seen else _packaged(known.id)
            seen.add(known.id)
            if price is not None:
                yield Listed(known.id, price)


def _price_of_known(known: Any) -> Price | None:
    """The plain price now: steps for very long requests cannot be told from a run's totals."""
    from importlib.metadata import version

    prices = known.get_prices(datetime.now(UTC))
    given = _base(prices, "input_mtok"), _base(prices, "output_mtok")
    if given[0] is None or given[1] is None:
        return None
    read, written = _base(prices, "cache_read_mtok"), _base(prices, "cache_write_mtok")
    return Price(given[0], given[1], f"genai-prices {version('genai-prices')}", read, written)


def _base(prices: Any, name: str) -> int | None:
    value = getattr(prices, name, None)
    value = getattr(value, "base", value)
    return None if value is None else _micros(value)
