"""From the type of a backend to a backend, for one process."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from bydawn.app.backends import REGISTRY

if TYPE_CHECKING:
    from bydawn.backends.backend import Backend, Surroundings


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
