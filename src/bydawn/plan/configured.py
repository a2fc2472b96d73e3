"""Tables of backends, ``[backends.X]``: each checked against what its type takes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from bydawn.core.offers import Offer
from bydawn.plan.complaints import Complaints, Path, quoted
from bydawn.plan.validate import did_you_mean, examine

_TYPE = "type"


def check_tables(tables: Mapping[str, Any], known: Mapping[str, Offer], told: Complaints) -> None:
    """Complain about every table whose type is not there, or that says what it does not take."""
    for name, table in tables.items():
        if isinstance(table, Mapping):
            _check_table(name, table, known, told)


def _check_table(
    name: str, table: Mapping[str, Any], known: Mapping[str, Offer], told: Complaints
) -> None:
    kind, at = table.get(_TYPE, name), ("backends", name)
    place = (*at, _TYPE) if _TYPE in table else at
    offer = known.get(kind)
    if offer is None:
        message = f"there is no type of backend {quoted(kind)}"
        remedy = _remedy(kind, known) if _TYPE in table else 'say type = "…"'
        told.add(place, message, remedy)
    elif offer.broken:
        told.add(place, f"the backend {quoted(kind)} {offer.broken}")
    elif offer.options is None:
        told.add(place, f"the backend {quoted(kind)} takes no table", "take it out")
    else:
        _check_options(offer, {key: table[key] for key in table if key != _TYPE}, at, told)


def _check_options(offer: Offer, said: dict[str, Any], at: Path, told: Complaints) -> None:
    assert offer.options is not None
    examine(offer.options(), said, told.below(at))


def _remedy(kind: str, known: Mapping[str, Offer]) -> str:
    types = [name for name in known if known[name].options is not None]
    return did_you_mean(kind, types) or ", ".join(sorted(types))


def schemas(known: Mapping[str, Offer]) -> Iterator[dict[str, Any]]:
    """The JSON Schema of each type's table."""
    for name in sorted(known):
        options = known[name].options
        if options is None or known[name].broken:
            continue
        schema = options().model_json_schema(by_alias=True)
        schema["title"] = name
        schema["properties"] = {_TYPE: {"const": name}, **schema.get("properties", {})}
        yield schema
