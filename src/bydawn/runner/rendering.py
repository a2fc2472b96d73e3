"""A job's stored payload, with its templates filled in at the moment of its launch."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import field
from typing import Any

from bydawn.core.keys import effect_key, launch_key
from bydawn.core.model import Job, JobSpec
from bydawn.core.templates import is_template, render_value
from bydawn.core.values import value
from bydawn.runner.secrets import passed_on

# Other fields speak of these as {{ job.prompt }}, so they must be whole by then.
_RENDERED_FIRST = frozenset({"model", "prompt"})
# Items were written by the store, with nothing around them to pass over.
_read = json.JSONDecoder().raw_decode
_NOT_RENDERED = frozenset({"pass_env", "may_publish", "backend_config", "script", "call"})


@value
class Place:
    """Where a job belongs: its batch by name, edition and the plan's folder."""

    batch: str
    edition: str
    plan_folder: str


@value
class Earlier:
    """What was left by runs before this one: results of the jobs it waits for, and what went wrong
    with its own last attempt."""

    results: dict[str, Any] = field(default_factory=dict)
    error: str = ""


@value
class Beside:
    """What templates may name that is known only at launch."""

    draft: str
    environment: Mapping[str, str]
    earlier: Earlier = Earlier()


def rendered_payload(job: Job, spec: JobSpec, place: Place, beside: Beside) -> dict[str, Any]:
    """The payload a backend receives, every template in it filled in."""
    payload = dict(spec.payload)
    names = _names(job, spec, place, beside)
    for name in sorted(payload, key=_RENDERED_FIRST.__contains__, reverse=True):
        if name not in _NOT_RENDERED:
            payload[name] = names["job"][name] = render_value(payload[name], names)
    payload["item"] = names["item"]
    return payload


def plain_payload(job: Job, spec: JobSpec) -> dict[str, Any]:
    """The payload of a spec without templates."""
    if job.item is None:
        return spec.payload
    return {**spec.payload, "item": _read(job.item)[0]}


@value
class Nature:
    """What can be said of a spec once and for all its jobs."""

    has_templates: bool
    speaks_of_results: bool
    speaks_of_errors: bool
    passed_on: tuple[str, ...]


def nature_of(spec: JobSpec) -> Nature:
    text = json.dumps(spec.payload)
    has_templates = "{{" in text or "{%" in text or "{#" in text
    names = {name for name in ("results", "previous") if has_templates and name in text}
    return Nature(has_templates, "results" in names, "previous" in names, passed_on(spec))


def render_words(
    words: tuple[str, ...], job: Job, spec: JobSpec, place: Place, beside: Beside
) -> tuple[str, ...]:
    """A list of words of the plan (a check, a publish target), each rendered alone."""
    if not any(is_template(word) for word in words):
        return words
    return tuple(render_value(list(words), _names(job, spec, place, beside)))


def _names(job: Job, spec: JobSpec, place: Place, beside: Beside) -> dict[str, Any]:
    allowed = spec.payload.get("pass_env", ())
    return {
        "batch": place.batch,
        "edition": place.edition,
        "plan": {"dir": place.plan_folder},
        "job": {"id": spec.id, "name": job.name, **spec.payload},
        "item": json.loads(job.item) if job.item is not None else {},
        "draft": beside.draft,
        "key": job.key,
        "effect_key": effect_key(job.key, job.revision),
        "launch_key": launch_key(job.key, job.revision, job.generation),
        "attempt": job.attempts,
        "remote": {"id": job.handle or ""},
        "previous": {"error": beside.earlier.error},
        "results": beside.earlier.results,
        "set": spec.sets,
        "env": {name: beside.environment.get(name, "") for name in allowed},
    }
