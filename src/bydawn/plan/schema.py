"""The whole plan file, and the configuration file, as tables: what may be written where."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Discriminator, Field, Tag, model_validator

from bydawn.core.fields import (
    AllowedFailures,
    Argv,
    Callee,
    Cron,
    Deadline,
    Dollars,
    DraftPath,
    Ends,
    Filled,
    FromVariable,
    Length,
    LengthOrNone,
    LengthOrZero,
    Name,
    Positive,
    Share,
    SomeDollars,
    Table,
    TagValue,
    TimeOfDay,
    Variable,
    Whole,
)
from bydawn.plan.describing import described

# Tags of alternatives stand in pydantic's places of errors; this mark lets them be left out there.
TAG = "~"


def _alternative(value: Any) -> str | None:
    if isinstance(value, dict | Table):
        return f"{TAG}table"
    return f"{TAG}plain" if isinstance(value, str | int | list) else None


def _either(words: str) -> Discriminator:
    return Discriminator(_alternative, custom_error_type="alternative", custom_error_message=words)


class RunTable(Table):
    parallel: Positive = 8
    deadline: Deadline = "none"
    on_deadline: Literal["cancel", "finish"] = "cancel"
    allow_failures: AllowedFailures = "0"
    if_running: Literal["share", "skip", "wait", "fail"] = "share"
    canary: Whole = 0
    breaker: Whole = 5
    retry_budget: Share = 0.5
    lease: Length = "30s"


class TagBudget(Table):
    usd: SomeDollars | None = None
    tokens: Positive | None = None
    launches: Positive | None = None


class BudgetTable(TagBudget):
    per_day_usd: SomeDollars | None = None
    tags: dict[TagValue, TagBudget] = {}
    unknown_price: Literal["refuse", "tokens-only"] = "refuse"


class PoolTable(Table):
    parallel: Positive | None = None
    per_minute: Positive | None = None


PoolEntry = Annotated[
    Annotated[Positive, Tag(f"{TAG}plain")] | Annotated[PoolTable, Tag(f"{TAG}table")],
    _either("must be a whole number or a table like { parallel = 4, per_minute = 60 }"),
]


class BackoffTable(Table):
    initial: Length = "15s"
    max: Length = "10m"


class JobBudget(Table):
    usd: Dollars | None = None
    tokens: Whole | None = None
    launches: Positive | None = None


class WorkspaceTable(Table):
    git: Filled
    ref: Filled = "HEAD"


class ExpectTable(Table):
    files: list[DraftPath] = []
    min_bytes: Whole | None = None
    json_schema: Filled | None = None
    matches: str | None = None
    allow_empty: bool | None = None


_REQUESTS = ("PUT http", "POST http", "PUT {{", "POST {{", "{{", "{%")


class PublishTable(Table):
    source: DraftPath = Field(alias="from")
    file: Filled | None = None
    git: Filled | None = None
    branch: Filled | None = None
    http: Filled | None = None

    @model_validator(mode="after")
    def _has_one_target(self) -> PublishTable:
        if sum(target is not None for target in (self.file, self.git, self.http)) != 1:
            raise ValueError("needs exactly one of file, git and http")
        if self.branch is not None and self.git is None:
            raise ValueError("branch belongs to git")
        if self.git is not None and self.branch is None:
            raise ValueError("git needs a branch")
        if self.http is not None and not self.http.startswith(_REQUESTS):
            raise ValueError('http is written "PUT https://…" or "POST https://…"')
        return self


class ItemsFrom(Table):
    upstream: Name = Field(alias="from")
    file: DraftPath


class ScriptStep(Table):
    takes: LengthOrZero = "0s"
    ends: Ends = "ok"
    result: Any = None
    usage: dict[str, Whole] = {}
    cost_usd: Dollars | None = None


class JobFields(Table):
    """What may be said of a job, or in ``[defaults]`` of all jobs."""

    backend: Name = "command"
    model: Filled | None = None
    prompt: Filled | None = None
    prompt_file: Filled | None = None
    argv: Argv | None = None
    shell: Filled | None = None
    cwd: Filled | None = None
    env: dict[Variable, str] = {}
    pass_env: list[Variable] = []
    may_publish: list[Variable] = []
    call: Callee | None = None
    script: Annotated[list[ScriptStep], Field(min_length=1)] | None = None
    workspace: WorkspaceTable | None = None
    pool: Name | None = None
    tags: dict[Filled, str] = {}
    usual: Length | None = None
    priority: Annotated[int, Field(ge=-1_000_000, le=1_000_000)] = 0
    expect: ExpectTable | None = None
    check: Argv | None = None
    check_timeout: Length = "5m"
    publish: list[PublishTable] = []
    approve: bool = False
    permanent_exit: list[Annotated[int, Field(ge=1, le=255)]] = []
    key: Annotated[list[Filled], Field(min_length=1)] | None = None
    after: list[Name] = []
    when: Literal["all_succeeded", "all_done", "any_succeeded"] = "all_succeeded"
    timeout: Length = "1h"
    grace: LengthOrZero = "10s"
    stall: LengthOrNone = "none"
    retries: Annotated[int, Field(ge=0, le=1000)] = 2
    backoff: BackoffTable = BackoffTable()
    budget: JobBudget = JobBudget()
    effects: Literal["none", "gated", "outside"] | None = None
    on_doubt: Literal["park", "relaunch", "fail"] = "park"
    isolate: Literal["none", "user", "bwrap"] = "none"


class JobTable(JobFields):
    id: Name
    items: (
        Annotated[
            Annotated[Filled, Tag(f"{TAG}plain")] | Annotated[ItemsFrom, Tag(f"{TAG}table")],
            _either('must be a file in quotes, or { from = "job", file = "x.jsonl" }'),
        ]
        | None
    ) = None
    items_expect: Whole | None = None


class BackendTable(Table):
    """``[backends.X]``; what else it takes is for its type to say (see ``configured``)."""

    model_config = ConfigDict(extra="allow", strict=True, frozen=True, protected_namespaces=())

    type: Name | None = None


class NotifyTable(Table):
    urls: list[FromVariable] = []
    on: list[Literal["failed", "parked", "budget", "deadline", "stalled", "fenced", "recovered",
                     "digest"]] = []  # fmt: skip
    ping: FromVariable | None = None
    digest_at: TimeOfDay | None = None
    anchor: Argv | None = None


class ScheduleTable(Table):
    cron: Cron | None = None
    catch_up: Length | None = None
    env_file: Filled | None = None


class AutonomyTable(Table):
    required: bool = False
    watched_runs: Whole = 3


class PlanFile(Table):
    version: Literal[1] = Field(default=1, alias="schema")
    name: Name
    per: Literal["once", "day", "week", "month"] = "once"
    timezone: Filled = "UTC"
    day_starts: TimeOfDay = "00:00"
    keep: Length = "90d"
    run: RunTable = RunTable()
    budget: BudgetTable = BudgetTable()
    pools: dict[Name, PoolEntry] = {}
    defaults: JobFields = JobFields()
    backends: dict[Name, BackendTable] = {}
    job: Annotated[list[JobTable], Field(min_length=1)]
    notify: NotifyTable = NotifyTable()
    schedule: ScheduleTable = ScheduleTable()
    autonomy: AutonomyTable = AutonomyTable()


class ConfigFile(Table):
    """``bydawn.toml`` of a project, and the user's and the system's ``config.toml``."""

    store: Filled | None = None
    run: RunTable = RunTable()
    budget: BudgetTable = BudgetTable()
    pools: dict[Name, PoolEntry] = {}
    defaults: JobFields = JobFields()


def json_schema(backends: list[dict[str, Any]]) -> dict[str, Any]:
    """The JSON Schema of a plan file, for editors; ``backends`` are those of the tables by type."""
    schema = described(PlanFile.model_json_schema(by_alias=True))
    for each in backends:
        schema["$defs"].update(each.pop("$defs", {}))
    schema["properties"]["backends"]["additionalProperties"] = {"anyOf": backends}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **schema,
        "title": "bydawn plan",
    }
