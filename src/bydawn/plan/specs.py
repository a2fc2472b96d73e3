"""From tables to the values of the core: one job's specification, and the batch's terms."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

from bydawn.core.alarms import TOLD_OF
from bydawn.core.fields import NONE
from bydawn.core.lengths import parse_length, parse_time_of_day
from bydawn.core.model import (
    Backoff,
    BatchTerms,
    Bound,
    Effects,
    Expect,
    JobSpec,
    Limits,
    Notify,
    OnDoubt,
    Pool,
    Publication,
    When,
)
from bydawn.core.offers import Offer
from bydawn.core.templates import is_template
from bydawn.core.workspaces import is_address
from bydawn.plan.schema import (
    BudgetTable,
    ExpectTable,
    ItemsFrom,
    JobBudget,
    JobTable,
    NotifyTable,
    PlanFile,
    PublishTable,
    RunTable,
    ScriptStep,
    TagBudget,
)

# What a job may say only to backends that take it.
BACKEND_FIELDS = frozenset(
    {"argv", "call", "cwd", "env", "pass_env", "script", "shell", "workspace"}
)
_EXCLUSIVE = (("argv", "shell"), ("prompt", "prompt_file"))
_JOINED = ("backoff", "budget", "env", "tags")
# What others name comes first: an argv may say {{ job.prompt }}.
_PAYLOAD = ("model", "prompt", "env", "pass_env", "may_publish", "argv", "shell", "call")


def merged(
    defaults: Mapping[str, Any],
    own: Mapping[str, Any],
    offer_of: Callable[[str], Offer | None],
) -> dict[str, Any]:
    """A job's table with the defaults it neither overrides nor has no use for."""
    offer = offer_of(own.get("backend", defaults.get("backend", "command")))
    unused = BACKEND_FIELDS - offer.takes if offer else frozenset[str]()
    for one, other in _EXCLUSIVE:
        unused |= {other} if one in own else {one} if other in own else set()
    table = {name: value for name, value in defaults.items() if name not in unused}
    for name, value in own.items():
        table[name] = {**table.get(name, {}), **value} if name in _JOINED else value
    return table


def micros(dollars: float | None) -> int | None:
    return None if dollars is None else int((Decimal(str(dollars)) * 1_000_000).to_integral_value())


def bound(budget: JobBudget | TagBudget) -> Bound:
    return Bound(micros(budget.usd), budget.tokens, budget.launches)


def length_or_none(text: str | None) -> int | None:
    return None if text is None or text == NONE else parse_length(text)


def job_spec(
    table: JobTable,
    *,
    effects: str,
    folder: Path,
    sets: Mapping[str, str],
    texts: Mapping[str, Any],
    configured: Mapping[str, Any] | None,
) -> JobSpec:
    """The specification; ``texts`` holds what was read from the files the job names."""
    upstream = table.items if isinstance(table.items, ItemsFrom) else None
    return JobSpec(
        id=table.id,
        backend=table.backend,
        payload=_payload(table, folder, texts, configured),
        limits=_limits(table),
        retries=table.retries,
        backoff=Backoff(parse_length(table.backoff.initial), parse_length(table.backoff.max)),
        bound=bound(table.budget),
        effects=Effects(table.effects or effects),
        on_doubt=OnDoubt(table.on_doubt),
        isolate=table.isolate,
        expect=_expect(table.expect, texts),
        check=tuple(table.check or ()),
        publish=tuple(_publication(each, folder) for each in table.publish),
        approve=table.approve,
        permanent_exit=tuple(table.permanent_exit),
        pool=table.pool,
        priority=table.priority,
        usual_ms=length_or_none(table.usual),
        after=after(table),
        when=When(table.when),
        sets=dict(sets),
        items_from=(upstream.upstream, upstream.file) if upstream else None,
        key_fields=tuple(table.key or ()) if table.items else (),
        items_expect=table.items_expect,
        tags=dict(table.tags),
    )


def after(table: JobTable) -> tuple[str, ...]:
    """The jobs this one waits for: those it names, and the one its items come from."""
    upstream = [table.items.upstream] if isinstance(table.items, ItemsFrom) else []
    return tuple(dict.fromkeys([*table.after, *upstream]))


def resolved(text: str, folder: Path) -> str:
    """A path of the plan made absolute, unless a template decides where it starts."""
    if text.startswith(("/", "{{", "{%")):
        return text
    if is_template(str(folder)):
        return f"{{{{ plan.dir }}}}/{text}"
    return str(folder / text)


def _payload(
    table: JobTable, folder: Path, texts: Mapping[str, Any], configured: Mapping[str, Any] | None
) -> dict[str, Any]:
    payload = {name: value for name in _PAYLOAD if (value := getattr(table, name))}
    if "prompt" in texts:
        payload["prompt"] = texts["prompt"]
    if table.cwd:
        # In a workspace a folder of it is meant, which is there only at launch.
        payload["cwd"] = table.cwd if table.workspace else resolved(table.cwd, folder)
    if table.workspace:
        git = table.workspace.git
        place = git if is_address(git) else resolved(git, folder)
        payload["workspace"] = {"git": place, "ref": table.workspace.ref}
    if table.backend == "scripted":
        payload["script"] = [_step(step) for step in table.script or [ScriptStep()]]
    if configured is not None:
        payload["backend_config"] = dict(configured)
    return payload


def _step(step: ScriptStep) -> dict[str, Any]:
    played: dict[str, Any] = {"takes_ms": parse_length(step.takes), "ends": step.ends}
    if "result" in step.model_fields_set:
        played["result"] = step.result
    if step.usage:
        played["usage"] = dict(step.usage)
    if step.cost_usd is not None:
        played["cost_usd"] = step.cost_usd
    return played


def _limits(table: JobTable) -> Limits:
    return Limits(
        timeout_ms=parse_length(table.timeout),
        grace_ms=parse_length(table.grace),
        stall_ms=length_or_none(table.stall),
        check_timeout_ms=parse_length(table.check_timeout),
    )


def _expect(table: ExpectTable | None, texts: Mapping[str, Any]) -> Expect | None:
    if table is None:
        return None
    return Expect(
        files=tuple(table.files),
        min_bytes=table.min_bytes,
        json_schema=texts.get("json_schema"),
        matches=table.matches,
        allow_empty=table.allow_empty,
    )


def _publication(table: PublishTable, folder: Path) -> Publication:
    if table.file is not None:
        return Publication(table.source, "file", resolved(table.file, folder))
    if table.git is not None:
        return Publication(table.source, "git", table.git, table.branch)
    return Publication(table.source, "http", table.http or "")


def batch_terms(
    plan: PlanFile, run: RunTable, budget: BudgetTable, pools: tuple[Pool, ...]
) -> BatchTerms:
    return BatchTerms(
        parallel=run.parallel,
        deadline=None if run.deadline == NONE else run.deadline,
        on_deadline=run.on_deadline,
        allow_failures=run.allow_failures,
        if_running=run.if_running,
        canary=run.canary,
        breaker=run.breaker,
        retry_budget=run.retry_budget,
        lease_ms=parse_length(run.lease),
        keep_ms=parse_length(plan.keep),
        bound=bound(budget),
        per_day_usd_micros=micros(budget.per_day_usd),
        tag_bounds={tag: bound(each) for tag, each in budget.tags.items()},
        unknown_price=budget.unknown_price,
        pools=pools,
        timezone=plan.timezone,
        day_starts_ms=parse_time_of_day(plan.day_starts),
        autonomy_required=plan.autonomy.required,
        watched_runs=plan.autonomy.watched_runs,
        notify=_notify(plan.notify),
    )


def _notify(table: NotifyTable) -> Notify:
    return Notify(
        urls=tuple(_variable(name) for name in table.urls),
        on=tuple(table.on) if "on" in table.model_fields_set else TOLD_OF,
        ping=_variable(table.ping) if table.ping else None,
        digest_at=table.digest_at,
        anchor=tuple(table.anchor or ()),
    )


def _variable(reference: str) -> str:
    return reference.removeprefix("env:")
