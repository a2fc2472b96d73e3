"""Every template of a job rendered once before anything starts; stand-ins for what comes later.

A name that is undefined, or text that is no template, is found now and not at three in the morning.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from bydawn.core.errors import TemplateError
from bydawn.core.model import JobSpec
from bydawn.core.templates import TABLE_NAMES, is_template, render
from bydawn.core.values import value
from bydawn.plan.check import Entry
from bydawn.plan.complaints import Complaints, Path

_ENV = re.compile(r"\benv\.([A-Za-z_]\w*)")
_SET = re.compile(r"\bset\.([A-Za-z_]\w*)")
_LATER = re.compile(r"\b(?:results|remote|previous)\b")
_STAND_IN = "stand-in"


class Anything(dict[str, Any]):
    """A value that only exists later: whatever is asked of it is there."""

    def __missing__(self, name: str) -> Anything:
        return Anything()


@value
class Scene:
    """What is known of the batch when its templates are tried."""

    batch: str
    edition: str
    folder: str


def stand_ins(spec: JobSpec, scene: Scene, item: Mapping[str, Any] | None) -> dict[str, Any]:
    """The names a launch will offer, known or stood in for."""
    known: Any = item if item is not None else ({} if spec.items_from is None else Anything())
    return {
        "batch": scene.batch,
        "edition": scene.edition,
        "plan": {"dir": scene.folder},
        "job": {"id": spec.id, "name": spec.id, **spec.payload},
        "item": known,
        **dict.fromkeys(("draft", "key", "effect_key", "launch_key"), _STAND_IN),
        "attempt": 1,
        "remote": {"id": _STAND_IN},
        "previous": {"error": ""},
        "results": {name: Anything() for name in spec.after},
        "set": spec.sets,
        "env": dict.fromkeys(spec.payload.get("pass_env", ()), _STAND_IN),
    }


def try_templates(spec: JobSpec, names: Mapping[str, Any], told: Complaints, entry: Entry) -> None:
    """Complain about each template of the job that will not render."""
    for path, text in _templates(spec):
        trouble = _trouble(text, names)
        if trouble is not None:
            told.add(entry.where(*path), *trouble)
    table = spec.payload.get("backend_config") or {}
    beside = {name: names[name] for name in TABLE_NAMES} | {"env": Anything()}
    for path, text in _texts(("backends", spec.backend), table):
        trouble = _trouble(text, beside)
        if trouble is not None:
            told.add(path, *trouble)


def _templates(spec: JobSpec) -> Iterator[tuple[Path, str]]:
    for name in ("argv", "shell", "cwd", "env", "model", "prompt", "workspace"):
        yield from _texts((name,), spec.payload.get(name))
    yield from _texts(("check",), list(spec.check))
    yield from _texts(("tags",), spec.tags)
    for number, publication in enumerate(spec.publish):
        yield from _texts(("publish", number, "from"), publication.source)
        yield from _texts(("publish", number, publication.kind), publication.target)
    if spec.expect is not None:
        yield from _texts(("expect", "files"), list(spec.expect.files))


def _texts(path: Path, value: Any) -> Iterator[tuple[Path, str]]:
    if isinstance(value, str):
        if is_template(value):
            yield path, value
    elif isinstance(value, list):
        for number, element in enumerate(value):
            yield from _texts((*path, number), element)
    elif isinstance(value, dict):
        for name, element in value.items():
            yield from _texts((*path, name), element)


def _trouble(text: str, names: Mapping[str, Any]) -> tuple[str, str] | None:
    """What is wrong with a template and what to do; None when it renders."""
    try:
        render(text, names)
    except TemplateError as error:
        if error.kind == "failed" and _LATER.search(text):
            return None
        line = f", line {error.line} of it" if error.line and "\n" in text else ""
        return f"the template is wrong{line}: {error.message}", _remedy(text, error, names)
    return None


def _remedy(text: str, error: TemplateError, names: Mapping[str, Any]) -> str:
    if error.kind != "undefined":
        return ""
    for pattern, given, remedy in (
        (_ENV, names["env"], 'say pass_env = ["{}"]'),
        (_SET, names["set"], "say --set {}=…"),
    ):
        missing = [name for name in pattern.findall(text) if name not in given]
        if missing:
            return remedy.format(missing[0])
    if "results" in text:
        return "name the job in after"
    return "the job has no items" if "item" in text and names["item"] == {} else ""
