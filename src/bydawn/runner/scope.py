"""The batches a runner serves, as they stand: what may start there, and when the next thing can."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from bydawn.core.model import JobSpec, Pool
from bydawn.runner.rendering import Place
from bydawn.store.claiming import Open
from bydawn.store.dependencies import Template
from bydawn.store.store import Batch, Store


@dataclass(slots=True)
class Served:
    """One batch. ``is_hungry`` asks for a claim in the next turn; ``wakes_at`` is UTC."""

    batch: Batch
    opened: Open
    place: Place
    templates: list[Template]
    is_hungry: bool = True
    wakes_at: int | None = None
    is_out_of_budget: bool = False

    @property
    def has_dependents(self) -> bool:
        return any(template.after or template.expands for template in self.templates)


@dataclass(slots=True)
class Scope:
    """All batches of a runner. ``choose`` says which those are, and is asked again on changes."""

    store: Store
    choose: Callable[[], Iterable[int]]
    only: str = ""
    served: dict[int, Served] = field(default_factory=dict)
    pools: dict[str, Pool] = field(default_factory=dict)

    def refresh(self) -> None:
        """Read the batches anew; whatever changed may have made something startable."""
        chosen = sorted(self.choose())
        self.served = {number: self._served(number) for number in chosen}
        self.pools = _tightest(
            batch.terms.pools for batch in self.store.batches() if batch.closed_at is None
        )

    def numbers(self) -> frozenset[int]:
        return frozenset(self.served)

    def pool(self, name: str) -> Pool | None:
        return self.pools.get(name)

    def shortest_lease_ms(self) -> int:
        return min((one.batch.terms.lease_ms for one in self.served.values()), default=30_000)

    def _served(self, number: int) -> Served:
        batch = self.store.batch(number)
        templates = self.store.templates(number)
        specs = [self.store.spec(template.spec) for template in templates]
        opened = Open(
            number, batch.terms, _pool_names(specs), self.only, is_revised=batch.revision > 1
        )
        place = Place(batch.address, batch.edition, batch.folder)
        return Served(batch, opened, place, templates)


def _pool_names(specs: list[JobSpec]) -> tuple[str, ...]:
    """Every pool jobs of a batch may be in; the nameless one is always there."""
    return tuple(sorted({"", *(spec.pool or "" for spec in specs)}))


def _tightest(declared: Iterable[tuple[Pool, ...]]) -> dict[str, Pool]:
    """Pools are store-wide by name; among open batches the tightest value wins."""
    found: dict[str, Pool] = {}
    for pools in declared:
        for pool in pools:
            other = found.get(pool.name, pool)
            found[pool.name] = Pool(
                pool.name,
                _least(pool.parallel, other.parallel),
                _least(pool.per_minute, other.per_minute),
            )
    return found


def _least(one: int | None, other: int | None) -> int | None:
    known = [value for value in (one, other) if value is not None]
    return min(known) if known else None
