"""Between rows and values: jobs, specs and the terms of a batch."""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import json
from typing import Any

from bydawn.core.model import (
    Backoff,
    BatchTerms,
    Bound,
    Effects,
    Expect,
    Job,
    JobSpec,
    Limits,
    Notify,
    OnDoubt,
    Pool,
    Publication,
    When,
)

NEVER = 1 << 62
# Word for word the condition of the index job_held, or it is not used.
HELD = "(state = 'launching' OR state = 'running' OR state = 'finishing' OR state = 'parked')"
# Jobs the plan still lists, and those it no longer does while a run of theirs may live.
LISTED = f"(withdrawn = 0 OR {HELD})"
# What a job ``j`` spent on attempts that did not count: all but the last attempt of a good end.
# A silent meter leaves its charge on the job alone; then what earlier attempts told must do.
WASTED = """
CASE WHEN j.state <> 'succeeded' THEN coalesce(j.cost_micros, 0) ELSE coalesce(
    j.cost_micros - (SELECT cost_micros FROM attempt WHERE job = j.number AND number = j.attempts),
    (SELECT sum(cost_micros) FROM attempt WHERE job = j.number AND number < j.attempts), 0) END"""
RANK_OF_PRIORITY = 10**12

JOB_FIELDS = tuple(field.name for field in dataclasses.fields(Job) if field.name != "fresh")
JOB_COLUMNS = ", ".join(JOB_FIELDS)


def job_from(row: tuple[Any, ...]) -> Job:
    """A job from a row selected as JOB_COLUMNS."""
    return Job(*row)


def rank_of(spec: JobSpec) -> int:
    """Lower starts earlier: by priority, then the usually longest first (see ``history``)."""
    return -spec.priority * RANK_OF_PRIORITY - (spec.usual_ms or 0)


def to_json(value: Any) -> str:
    """A value of the model as canonical JSON."""
    return json.dumps(dataclasses.asdict(value), sort_keys=True, ensure_ascii=False)


def digest_of(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def spec_from(text: str) -> JobSpec:
    data = json.loads(text)
    data["limits"] = Limits(**data["limits"])
    data["backoff"] = Backoff(**data["backoff"])
    data["bound"] = Bound(**data["bound"])
    data["effects"] = Effects(data["effects"])
    data["on_doubt"] = OnDoubt(data["on_doubt"])
    data["when"] = When(data["when"])
    data["expect"] = _expect_from(data["expect"])
    data["publish"] = tuple(Publication(**one) for one in data["publish"])
    for name in ("check", "permanent_exit", "after", "key_fields"):
        data[name] = tuple(data[name])
    data["items_from"] = tuple(data["items_from"]) if data["items_from"] else None
    return JobSpec(**data)


@functools.lru_cache(maxsize=64)
def terms_from(text: str) -> BatchTerms:
    """The terms of a batch. The same text is asked about with every look at it."""
    data = json.loads(text)
    data["bound"] = Bound(**data["bound"])
    data["tag_bounds"] = {name: Bound(**bound) for name, bound in data["tag_bounds"].items()}
    data["pools"] = tuple(Pool(**pool) for pool in data["pools"])
    data["notify"] = _notify_from(data.get("notify") or {})
    return BatchTerms(**data)


def _notify_from(data: dict[str, Any]) -> Notify:
    lists = {name: tuple(data.get(name, ())) for name in ("urls", "on", "anchor")}
    return Notify(**{**data, **lists})


def _expect_from(data: dict[str, Any] | None) -> Expect | None:
    if data is None:
        return None
    return Expect(**{**data, "files": tuple(data["files"])})
