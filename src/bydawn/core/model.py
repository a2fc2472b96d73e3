"""The values everything speaks in: what a plan asks for, and what a job is.

Instants are milliseconds since the epoch (UTC) and end in ``_at``; lengths are milliseconds and end
in ``_ms``; money is in millionths of a dollar and ends in ``_micros``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from bydawn.core.alarms import TOLD_OF
from bydawn.core.values import value


class Effects(StrEnum):
    """What a run can change in the world before it has been checked."""

    NONE = "none"
    GATED = "gated"
    OUTSIDE = "outside"


class OnDoubt(StrEnum):
    """What to do when nobody can know whether a run took place."""

    PARK = "park"
    RELAUNCH = "relaunch"
    FAIL = "fail"


class When(StrEnum):
    """What the jobs named in ``after`` must have come to."""

    ALL_SUCCEEDED = "all_succeeded"
    ALL_DONE = "all_done"
    ANY_SUCCEEDED = "any_succeeded"


@value
class Bound:
    """The most something may cost; None is unbounded in that unit."""

    usd_micros: int | None = None
    tokens: int | None = None
    launches: int | None = None

    @property
    def is_open(self) -> bool:
        return self.usd_micros is None and self.tokens is None and self.launches is None


@value
class Backoff:
    initial_ms: int = 15_000
    max_ms: int = 600_000


@value
class Limits:
    """Lengths imposed on one attempt from outside."""

    timeout_ms: int = 3_600_000
    grace_ms: int = 10_000
    stall_ms: int | None = None
    check_timeout_ms: int = 300_000


@value
class Expect:
    """Evidence a success must show. ``json_schema`` is the schema itself, read with the plan."""

    files: tuple[str, ...] = ()
    min_bytes: int | None = None
    json_schema: dict[str, Any] | None = None
    matches: str | None = None
    allow_empty: bool | None = None


@value
class Publication:
    """One draft file to be installed at one target. ``kind`` is file, git or http."""

    source: str
    kind: str
    target: str
    branch: str | None = None


@value
class JobSpec:
    """One ``[[job]]`` of a plan, with every default filled in.

    ``payload`` holds the backend's own fields (argv, shell, cwd, env, pass_env, prompt, model,
    call, script, …) as unrendered templates, plus ``backend_config`` for a configured backend.
    """

    id: str
    backend: str
    payload: dict[str, Any] = field(default_factory=dict)
    limits: Limits = Limits()
    retries: int = 2
    backoff: Backoff = Backoff()
    bound: Bound = Bound()
    effects: Effects = Effects.OUTSIDE
    on_doubt: OnDoubt = OnDoubt.PARK
    isolate: str = "none"
    expect: Expect | None = None
    check: tuple[str, ...] = ()
    publish: tuple[Publication, ...] = ()
    approve: bool = False
    permanent_exit: tuple[int, ...] = ()
    pool: str | None = None
    priority: int = 0
    usual_ms: int | None = None
    after: tuple[str, ...] = ()
    when: When = When.ALL_SUCCEEDED
    sets: dict[str, str] = field(default_factory=dict)
    items_from: tuple[str, str] | None = None
    key_fields: tuple[str, ...] = ()
    items_expect: int | None = None
    tags: dict[str, str] = field(default_factory=dict)

    @property
    def needs_finishing(self) -> bool:
        """Whether anything stands between a good end and success."""
        return bool(self.expect or self.check or self.publish or self.approve)


@value
class PlannedJob:
    """One job as the plan expands to it, before the store has seen it.

    ``name`` is for people (``audit`` or ``work/s:item-0001``), ``item`` canonical JSON or None,
    ``place`` where it was written (``records.jsonl:17``), for complaints about duplicates.
    """

    template: str
    name: str
    key: str
    item: str | None
    tags: str
    position: int
    place: str


@value
class Pool:
    """A named, store-wide limit on concurrency or rate."""

    name: str
    parallel: int | None = None
    per_minute: int | None = None


@value
class Notify:
    """Whom to tell of what. ``urls`` and ``ping`` name variables, they never hold an address;
    ``digest_at`` is a local time of day; ``anchor`` is a command for every noted head."""

    urls: tuple[str, ...] = ()
    on: tuple[str, ...] = TOLD_OF
    ping: str | None = None
    digest_at: str | None = None
    anchor: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.urls or self.ping or self.anchor)


@value
class BatchTerms:
    """What a plan says about its batch as a whole; recorded with every revision."""

    parallel: int = 8
    deadline: str | None = None
    on_deadline: str = "cancel"
    allow_failures: str = "0"
    if_running: str = "share"
    canary: int = 0
    breaker: int = 5
    retry_budget: float = 0.5
    lease_ms: int = 30_000
    keep_ms: int = 90 * 86_400_000
    bound: Bound = Bound()
    per_day_usd_micros: int | None = None
    tag_bounds: dict[str, Bound] = field(default_factory=dict)
    unknown_price: str = "refuse"
    pools: tuple[Pool, ...] = ()
    timezone: str = "UTC"
    day_starts_ms: int = 0
    autonomy_required: bool = False
    watched_runs: int = 3
    notify: Notify = Notify()


@value
class Listing:
    """Planned jobs that are read anew each time somebody goes through them."""

    source: Callable[[], Iterator[PlannedJob]]

    def __iter__(self) -> Iterator[PlannedJob]:
        return self.source()


@value
class PlannedBatch:
    """A valid plan at one edition, all but its jobs, which are streamed."""

    plan: str
    edition: str
    folder: str
    source: str
    terms: BatchTerms
    specs: tuple[JobSpec, ...]
    fingerprint: str
    deadline_at: int | None = None

    @property
    def address(self) -> str:
        return f"{self.plan}@{self.edition}" if self.edition else self.plan


@dataclass(slots=True)
class Job:
    """One job as the store holds it. The runner keeps one of these per job in flight.

    ``step`` says how far ``finishing`` has come, ``stopping`` why we asked the run to end, ``wish``
    what a person asked for, ``accounts`` (a JSON list) where its attempt is booked, ``prices`` the
    list its cost was worked out from, ``container`` what a two-phase backend reserved for this
    generation, ``fresh`` that this runner just made the intention itself.
    """

    number: int
    batch: int
    template: str
    name: str
    key: str
    spec: int
    item: str | None
    tags: str
    state: str
    reason: str | None
    revision: int
    generation: int
    attempts: int
    faults: int
    not_before: int
    token: int
    nonce: str
    runner: str | None
    machine: str | None
    handle: str | None
    step: str | None
    stopping: str | None
    wish: str | None
    intended_at: int | None
    started_at: int | None
    ended_at: int | None
    deadline_at: int | None
    progress_at: int | None
    exit_code: int | None
    result: str | None
    usage: str | None
    cost_micros: int | None
    error_class: str | None
    error_code: str | None
    error_message: str | None
    reserved_micros: int
    reserved_tokens: int
    pool: str
    backend: str
    accounts: str
    prices: str | None = None
    container: str | None = None
    fresh: bool = False

    @property
    def job_id(self) -> str:
        return f"j_{self.key[:12]}"
