"""All backends there are, in one table: the built-in ones, and those of other packages.

Nothing of a backend is loaded before it is needed; of an outside one, not even whether it is there.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from typing import TYPE_CHECKING, Any

from bydawn.core.model import JobSpec
from bydawn.core.offers import Offer
from bydawn.core.sightings import Guarantee

if TYPE_CHECKING:
    from bydawn.backends.backend import Backend, Surroundings

GROUP = "bydawn.backends"
_VERBS = ("launch", "find", "poll", "cancel")


@dataclass(frozen=True, slots=True)
class Row:
    """A backend as it is offered, and what makes it: a class, made from its surroundings."""

    offer: Offer
    load: Callable[[], Callable[[Surroundings], Backend]]
    origin: str = "built in"


def _named(place: str) -> Callable[[], Any]:
    """What ``module:name`` names, imported when it is first asked for."""
    module, _, name = place.partition(":")
    return lambda: getattr(importlib.import_module(module), name)


def _always(guarantee: Guarantee) -> Callable[[Mapping[str, Any]], Guarantee]:
    return lambda _: guarantee


_scripted = _named("bydawn.backends.scripted:ScriptedBackend")
_FOR_PROGRAMS = frozenset({"argv", "shell", "cwd", "env", "pass_env", "workspace"})

_ROWS: tuple[Row, ...] = (
    Row(
        Offer(
            "command",
            _always(Guarantee.LOCAL_CLAIM),
            takes=_FOR_PROGRAMS,
            needs=(("argv", "shell"),),
            isolates=True,
        ),
        _named("bydawn.backends.command:CommandBackend"),
    ),
    Row(
        Offer(
            "python",
            _always(Guarantee.LOCAL_CLAIM),
            takes=frozenset({"call", "env", "pass_env"}),
            needs=(("call",),),
        ),
        _named("bydawn.backends.python:PythonBackend"),
    ),
    Row(
        Offer("scripted", _always(Guarantee.KEYED), takes=frozenset({"script"})),
        lambda: lambda around: _scripted()(around.clock),
    ),
)
BUILT_IN: Mapping[str, Row] = {row.offer.name: row for row in _ROWS}


class Registry(Mapping[str, Offer]):
    """Every backend by type. One of another package never takes the name of a built-in one, and a
    broken one hurts nobody who does not ask for it."""

    def __init__(self) -> None:
        self._outside: dict[str, Row] | None = None

    def __getitem__(self, name: str) -> Offer:
        return self.row(name).offer

    def __iter__(self) -> Iterator[str]:
        return iter({**BUILT_IN, **self._others()})

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def row(self, name: str) -> Row:
        """KeyError where there is none of that name."""
        return BUILT_IN[name] if name in BUILT_IN else self._others()[name]

    def refused(self) -> list[tuple[str, str]]:
        """Outside backends that may not have their name, and where they come from."""
        return [(one.name, _package(one)) for one in _points() if one.name in BUILT_IN]

    def guarantee_of(self, spec: JobSpec) -> str | None:
        """What is promised about launching a job; None for a backend that is no longer there."""
        table = _table_of(spec)
        offer = self.get(str(table.get("type", spec.backend)))
        return None if offer is None else offer.guarantee_of(table).value

    def is_held_to_usd(self, spec: JobSpec) -> bool:
        """Whether the backend itself ends a run at its bound in dollars."""
        offer = self.get(str(_table_of(spec).get("type", spec.backend)))
        return offer is not None and "usd" in offer.caps

    def _others(self) -> dict[str, Row]:
        if self._outside is None:
            points = [one for one in _points() if one.name not in BUILT_IN]
            self._outside = {one.name: _outside_row(one) for one in points}
        return self._outside


REGISTRY = Registry()


def _table_of(spec: JobSpec) -> Mapping[str, Any]:
    return spec.payload.get("backend_config") or {}


def _points() -> list[EntryPoint]:
    return sorted(entry_points(group=GROUP), key=lambda one: one.name)


def _package(point: EntryPoint) -> str:
    return point.dist.name if point.dist else point.value


def _outside_row(point: EntryPoint) -> Row:
    """As its class describes itself; broken where it cannot be loaded or lacks a verb."""
    try:
        made_by = point.load()
    except Exception as error:
        return _broken(point, f"cannot be loaded: {type(error).__name__}: {error}")
    lacks = [name for name in (*_VERBS, "capabilities") if not hasattr(made_by, name)]
    if lacks:
        return _broken(point, f"lacks {', '.join(lacks)}")
    declared = made_by.capabilities
    options = getattr(made_by, "options", None)
    offer = Offer(
        point.name,
        getattr(made_by, "guarantee_of", _always(declared.guarantee)),
        default_effects=declared.default_effects,
        takes=frozenset(getattr(made_by, "takes", ())),
        needs=tuple(getattr(made_by, "needs", ())),
        options=(lambda: options) if options is not None else None,
        needs_options=bool(getattr(made_by, "needs_options", False)),
        caps=declared.caps,
    )
    return Row(offer, lambda: made_by, _package(point))


def _broken(point: EntryPoint, why: str) -> Row:
    def fail() -> Callable[[Surroundings], Backend]:
        raise ImportError(f"{point.name} {why}")

    words = f"of the package {_package(point)} {why}"
    return Row(Offer(point.name, _always(Guarantee.BLIND), broken=words), fail, _package(point))


class Makers(Mapping[str, "Callable[[Mapping[str, Any]], Backend]"]):
    """From a type to what makes it of a table, for one runner."""

    def __init__(self, around: Callable[[Mapping[str, Any]], Surroundings]) -> None:
        self._around = around

    def __getitem__(self, name: str) -> Callable[[Mapping[str, Any]], Backend]:
        row = REGISTRY.row(name)
        return lambda table: row.load()(self._around(table))

    def __iter__(self) -> Iterator[str]:
        return iter(REGISTRY)

    def __len__(self) -> int:
        return len(REGISTRY)
