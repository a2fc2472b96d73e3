"""The batches a runner serves, as they stand: what may start there, and when the next thing can."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC
from zoneinfo import ZoneInfo

from bydawn.core.backoff import retries_allowed
from bydawn.core.editions import logical_day
from bydawn.core.model import BatchTerms, JobSpec, Pool
from bydawn.runner.rendering import Place
from bydawn.store import homes, read, stopping
from bydawn.store.admission import Kept, Lane, Open
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
    kept: Kept = field(default_factory=Kept)
    retries_left: int = 0

    @property
    def has_dependents(self) -> bool:
        return any(template.after or template.expands for template in self.templates)


@dataclass(slots=True)
class Scope:
    """All batches of a runner. ``choose`` says which those are, and is asked again on changes."""

    store: Store
    choose: Callable[[], Iterable[int]]
    only: str = ""
    is_stopped: bool = False
    served: dict[int, Served] = field(default_factory=dict)
    pools: dict[str, Pool] = field(default_factory=dict)
    _sizes: dict[tuple[int, int], int] = field(default_factory=dict)

    def refresh(self) -> None:
        """Read the batches anew; whatever changed may have made something startable."""
        self.is_stopped = stopping.stands(self.store.session)
        chosen = sorted(self.choose())
        self.served = {number: self._served(number) for number in chosen}
        self.pools = _tightest(
            batch.terms.pools for batch in self.store.batches() if batch.closed_at is None
        )

    def numbers(self) -> frozenset[int]:
        return frozenset(self.served)

    def place_of(self, number: int) -> Place:
        """Where a batch belongs, also when it has left the scope while a run of it is still
        held."""
        served = self.served.get(number)
        return served.place if served else self._place(self.store.batch(number))

    def pool(self, name: str) -> Pool | None:
        return self.pools.get(name)

    def shortest_lease_ms(self) -> int:
        return min((one.batch.terms.lease_ms for one in self.served.values()), default=30_000)

    def _served(self, number: int) -> Served:
        batch = self.store.batch(number)
        templates = self.store.templates(number)
        opened = Open(
            number,
            batch.terms,
            _lanes(self.store.specs(number)),
            only=self.only,
            revision=batch.revision,
        )
        place = self._place(batch)
        left = self._retries_left(batch)
        return Served(batch, opened, place, templates, retries_left=left)

    def opened_today(self, number: int, now: int) -> Open:
        """A batch for a claim made now, with the day its money is counted on."""
        served = self.served[number]
        served.opened.day = _day(served.batch.terms, now)
        return served.opened

    def _place(self, batch: Batch) -> Place:
        here = homes.folder_on(self.store.session, self.store.machine, batch.plan)
        return Place(batch.address, batch.edition, here or batch.folder)

    def _retries_left(self, batch: Batch) -> int:
        size = self._sizes.get((batch.number, batch.revision))
        if size is None:
            size = self._sizes[batch.number, batch.revision] = read.size(
                self.store.session, batch.number
            )
        used = read.retries_used(self.store.session, batch.number)
        return retries_allowed(batch.terms.retry_budget, size) - used


def _day(terms: BatchTerms, now: int) -> str:
    zone = UTC if terms.timezone == "UTC" else ZoneInfo(terms.timezone)
    return logical_day(now, zone, terms.day_starts_ms).isoformat()


def _lanes(specs: list[JobSpec]) -> tuple[Lane, ...]:
    """Every backend and pool jobs of a batch may be in."""
    return tuple(sorted({Lane(spec.backend, spec.pool or "") for spec in specs}))


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
