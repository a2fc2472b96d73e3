"""What is known of a backend before one is made: what plans may say to it and may rely on."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from bydawn.core.lengths import parse_length
from bydawn.core.sightings import Guarantee
from bydawn.core.values import value


@value
class Offer:
    """One type of backend.

    ``takes``: fields of a job beside what every job may say. ``needs``: of each group a job says at
    least one. ``options`` gives the model of its table ``[backends.X]``, None where it has none;
    ``needs_options``: it cannot do without. ``varies``: nothing is promised before it is known.
    ``isolates``: its runs can be kept apart. ``caps``: the bounds at which it ends a run by itself.
    ``keeps_ms``: how long its service keeps a result, where the table does not say ``keeps``; None
    is until it is deleted. ``broken`` says why it cannot be used at all.
    """

    name: str
    guarantee_of: Callable[[Mapping[str, Any]], Guarantee]
    default_effects: str = "outside"
    takes: frozenset[str] = frozenset()
    needs: tuple[tuple[str, ...], ...] = ()
    options: Callable[[], type[Any]] | None = None
    needs_options: bool = False
    varies: bool = False
    isolates: bool = False
    caps: frozenset[str] = frozenset()
    keeps_ms: int | None = None
    broken: str = ""


def offer_of(name: str, tables: Mapping[str, Any], known: Mapping[str, Offer]) -> Offer | None:
    """What a plan means by a backend's name: a table of its own, or one that needs none."""
    table = tables.get(name)
    kind = table.get("type", name) if isinstance(table, Mapping) else name
    return known.get(kind) if isinstance(kind, str) else None


def kept_ms(table: Mapping[str, Any], usual_ms: int | None = None) -> int | None:
    """How long a service keeps a result: as the table says, else as is known of it."""
    said = table.get("keeps")
    return parse_length(said) if said else usual_ms
