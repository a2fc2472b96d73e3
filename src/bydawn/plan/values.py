"""What the callers of this package hold: an identity, what was asked for by flags, a valid plan."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from pathlib import Path

from bydawn.core.errors import Complaint, PlanInvalid
from bydawn.core.keys import digest
from bydawn.core.model import PlannedBatch, PlannedJob
from bydawn.core.values import value


def all_priced(model: str) -> bool:
    """The answer of somebody who does not ask what models cost."""
    del model
    return True


@value
class Identity:
    """Which batch a plan file means, and whether it is still the one that was read before."""

    plan: str
    edition: str
    fingerprint: str


@value
class Overrides:
    """What the command line says about a plan. ``raise_cap`` maps a cap's name to its new value.

    ``spooled`` says where items that came from a program lie, by the name the plan calls them.
    """

    sets: Mapping[str, str] = field(default_factory=dict)
    items: Path | None = None
    only: str | None = None
    parallel: int | None = None
    deadline: str | None = None
    canary: int | None = None
    budget_usd: float | None = None
    date: str | None = None
    raise_cap: Mapping[str, str] = field(default_factory=dict)
    spooled: Mapping[str, Path] = field(default_factory=dict)


@dataclass(frozen=True)
class Plan:
    """A valid plan at one edition. Its jobs are streamed; each call of ``jobs`` starts anew."""

    batch: PlannedBatch
    warnings: tuple[Complaint, ...]
    source: Callable[[], Iterator[PlannedJob]] = field(repr=False)

    def jobs(self) -> Iterator[PlannedJob]:
        """Every job in plan order; PlanInvalid at the end when items were wrong."""
        return self.source()

    def only(self, pattern: str) -> Plan:
        """The same plan with only the jobs whose name, or template, matches a shell pattern."""
        wanted = pattern.removeprefix(f"{self.batch.plan}/")
        batch = replace(self.batch, fingerprint=narrowed(self.batch.fingerprint, wanted))
        return replace(self, batch=batch, source=lambda: self._matching(wanted))

    def _matching(self, pattern: str) -> Iterator[PlannedJob]:
        matched = any(spec.items_from for spec in self.batch.specs)
        for job in self.source():
            if fnmatchcase(job.name, pattern) or fnmatchcase(job.template, pattern):
                matched = True
                yield job
        if not matched:
            ids = ", ".join(spec.id for spec in self.batch.specs[:8])
            remedy = f"the jobs are {ids}{', …' if len(self.batch.specs) > 8 else ''}"
            raise PlanInvalid((Complaint("--only", None, "", f'nothing is "{pattern}"', remedy),))


def narrowed(fingerprint: str, pattern: str) -> str:
    """The fingerprint of a plan narrowed by ``only``."""
    return digest([fingerprint, pattern])
