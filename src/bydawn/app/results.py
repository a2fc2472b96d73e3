"""How a batch came out, as values: what ``run --json`` prints, with attributes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, fields
from functools import cached_property
from typing import Any

from bydawn.core.values import value

Document = dict[str, Any]


@value
class JobResult:
    """One job (``bydawn/job/1``). Instants are UTC in RFC 3339, money is a decimal string."""

    job_id: str
    batch: str
    job: str
    key: str
    revision: int
    generation: int
    state: str
    reason: str | None
    exit_code: int | None
    attempts: int
    token: int
    backend: str
    guarantee: str | None
    remote_id: str | None
    runner: str | None
    machine: str | None
    started_at: str | None
    ended_at: str | None
    elapsed_s: float | None
    usage: dict[str, int]
    cost_usd: str | None
    prices: str | None
    tags: dict[str, str]
    result: Any
    published: list[dict[str, str]]
    error: dict[str, str] | None

    def to_dict(self) -> Document:
        return asdict(self)


@value
class Counts:
    """How many jobs are in each state; ``already_done`` is a part of ``succeeded``."""

    queued: int
    running: int
    succeeded: int
    failed: int
    cancelled: int
    parked: int
    already_done: int


@value
class Cost:
    """What the batch cost; None is unknown, never nothing."""

    usd: str | None
    wasted_usd: str | None
    reserved_usd: str | None
    unknown_price_jobs: int
    prices: list[str]


@dataclass(frozen=True)
class BatchResult:
    """A batch when its run ended (``bydawn/batch/1``).

    ``jobs`` are read from the store when they are first asked for, so that a large batch whose
    jobs nobody looks at takes no memory.
    """

    batch: str
    plan: str
    edition: str | None
    state: str
    outcome: str | None
    exit_code: int | None
    reasons: list[str]
    counts: Counts
    wall_s: float
    serial_s: float
    usage: dict[str, int]
    cost: Cost
    duplicates_refused: int
    fenced_writes: int
    audit_head: str | None
    _read_jobs: Callable[[], list[Document]] = field(repr=False, compare=False)

    @cached_property
    def jobs(self) -> tuple[JobResult, ...]:
        """Every job, in the order of the plan."""
        return tuple(_of(JobResult, document) for document in self._read_jobs())

    def to_dict(self) -> Document:
        """The same as ``bydawn run --json`` prints."""
        head = {each.name: getattr(self, each.name) for each in fields(self)[:-1]}
        nested = {"counts": asdict(self.counts), "cost": asdict(self.cost)}
        jobs = [job.to_dict() for job in self.jobs]
        return {"schema": "bydawn/batch/1", **head, **nested, "jobs": jobs}


def batch_result(head: Mapping[str, Any], read_jobs: Callable[[], list[Document]]) -> BatchResult:
    """The value of a batch document; its jobs come later."""
    counts, cost = _of(Counts, head["counts"]), _of(Cost, head["cost"])
    result: BatchResult = _of(
        BatchResult, {**head, "counts": counts, "cost": cost, "_read_jobs": read_jobs}
    )
    return result


def _of(kind: type[Any], document: Mapping[str, Any]) -> Any:
    """The fields this version knows; documents only ever gain some."""
    return kind(**{each.name: document[each.name] for each in fields(kind)})
