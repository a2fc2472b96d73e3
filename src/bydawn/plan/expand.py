"""From specifications and items to jobs, streamed: keys, names and tags of each."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any
from unicodedata import normalize

from bydawn.core.errors import Complaint, PlanInvalid, TemplateError
from bydawn.core.keys import canonical, job_key, suspicious
from bydawn.core.model import JobSpec, PlannedJob
from bydawn.core.templates import is_template, render
from bydawn.core.values import value
from bydawn.plan.complaints import Complaints, quoted
from bydawn.plan.items import Item, ItemsFile, read_items

_INERT = re.compile(r"[A-Za-z0-9._@+=,%-]+")
_LONGEST_NAME = 120
_MARK_LENGTH = 6
_KEY_DIGITS = 15
_MOST_SUSPECTS = 100
_ITEM_FIELD = re.compile(r"\{\{ ?item\.([A-Za-z_]\w*) ?\}\}")
_SCALARS = (str, int, float)

Fields = list[Any]


@value
class Naming:
    """What all keys of a batch share, and the names its tags may use."""

    plan: str
    edition: str
    folder: str = ""

    @property
    def batch(self) -> str:
        return f"{self.plan}@{self.edition}" if self.edition else self.plan


def plain_job(spec: JobSpec, naming: Naming, position: int, place: str) -> PlannedJob:
    """The one job of a specification without items."""
    key = job_key(naming.plan, naming.edition, spec.id, ())
    tags = _tags_of(spec, naming)({})
    return PlannedJob(spec.id, spec.id, key, None, tags, position, place)


def item_jobs(
    spec: JobSpec, naming: Naming, file: ItemsFile, told: Complaints, start: int = 0
) -> Iterator[PlannedJob]:
    """One job for each good item; what is wrong goes to ``told`` while the good ones go on."""
    tags_of = _tags_of(spec, naming)
    repeats = _Repeats(spec, naming, file)
    count = 0
    for item in read_items(file, told):
        job = _item_job(spec, naming, file, item, start + count, tags_of, told)
        count += 1
        if job is None:
            continue
        if repeats.is_new(job.key):
            yield job
        elif repeats.suspect(item.line, job):
            break
    else:
        _check_count(spec, count, told)
    yield from repeats.settled(told)


def _item_job(
    spec: JobSpec,
    naming: Naming,
    file: ItemsFile,
    item: Item,
    position: int,
    tags_of: Callable[[Mapping[str, Any]], str],
    told: Complaints,
) -> PlannedJob | None:
    fields = _key_fields(spec, item, told)
    if fields is None:
        return None
    try:
        tags = tags_of(item.value)
    except TemplateError as error:
        told.add_at(item.line, f"tags: {error.message}", subject=spec.id)
        return None
    key = job_key(naming.plan, naming.edition, spec.id, fields)
    name = f"{spec.id}/{item_name(fields, key)}"
    return PlannedJob(spec.id, name, key, item.text, tags, position, f"{file.name}:{item.line}")


def expand_items(spec: JobSpec, plan: str, edition: str, path: Path) -> Iterator[PlannedJob]:
    """The jobs of ``items = { from = … }``, once its file exists; PlanInvalid at the end."""
    told = Complaints(str(path))
    yield from item_jobs(spec, Naming(plan, edition), ItemsFile(str(path), path), told)
    if told.found:
        raise PlanInvalid(tuple(told.found))


def suspicions(spec: JobSpec, file: ItemsFile, limit: int) -> Iterator[Complaint]:
    """One warning for each key field with a value, among the first items, that looks random."""
    waiting = list(spec.key_fields)
    for number, item in enumerate(read_items(file, Complaints(file.name))):
        for name in tuple(waiting):
            value = item.value.get(name)
            look = suspicious(value)
            if look is not None:
                waiting.remove(name)
                message = f"{name} = {quoted(str(value))} looks like {look}"
                yield Complaint(file.name, item.line, spec.id, message, _KEY_REMEDY)
        if not waiting or number >= limit:
            return


_KEY_REMEDY = "a key must be the same every time the work is the same"


def item_name(fields: Fields, key: str) -> str:
    """The item's natural fields for reading; where they were changed, the key's start follows."""
    texts = [value if isinstance(value, str) else canonical(value) for value in fields]
    if all(map(_INERT.fullmatch, texts)):
        name = ":".join(texts)
        if len(name) <= _LONGEST_NAME:
            return name
    name = ":".join(map(_made_inert, texts))[:_LONGEST_NAME]
    return f"{name}~{key[:_MARK_LENGTH]}"


def _made_inert(text: str) -> str:
    composed = normalize("NFC", text[:_LONGEST_NAME])
    return "".join(each if _is_inert(each) else "_" for each in composed)


def _is_inert(each: str) -> bool:
    if each.isascii():
        return _INERT.fullmatch(each) is not None
    return each.isprintable() and not each.isspace()


def _key_fields(spec: JobSpec, item: Item, told: Complaints) -> Fields | None:
    """The values of the key's fields, or None and a complaint."""
    fields = []
    for name in spec.key_fields:
        part = item.value.get(name)
        if not isinstance(part, _SCALARS):
            told.add_at(item.line, *_no_scalar(name, item.value), subject=spec.id)
            return None
        fields.append(part)
    if fields.count("") == len(fields):
        told.add_at(item.line, "every field of its key is empty", subject=spec.id)
        return None
    return fields


def _no_scalar(name: str, value: Mapping[str, Any]) -> tuple[str, str]:
    if value.get(name) is not None:
        return f'"{name}" of the key is a list or a table', "a key is made of texts and numbers"
    there = ", ".join(quoted(each) for each in list(value)[:8])
    what = "is null" if name in value else "is missing"
    return f'"{name}" of the key {what}', f"the item has {there}" if there else "it is empty"


class _Repeats:
    """Keys met so far, as small numbers; the file is read again only when two of those agree."""

    def __init__(self, spec: JobSpec, naming: Naming, file: ItemsFile) -> None:
        self._numbers: set[int] = set()
        self._suspects: list[tuple[int, PlannedJob]] = []
        self._spec = spec
        self._naming = naming
        self._file = file

    def is_new(self, key: str) -> bool:
        number = int(key[:_KEY_DIGITS], 16)
        known = len(self._numbers)
        self._numbers.add(number)
        return len(self._numbers) > known

    def suspect(self, line: int, job: PlannedJob) -> bool:
        """Put the job aside until the end; whether there are too many of them to go on."""
        self._suspects.append((line, job))
        return len(self._suspects) >= _MOST_SUSPECTS

    def settled(self, told: Complaints) -> Iterator[PlannedJob]:
        """The jobs put aside wrongly; the others are complained about with both places."""
        if not self._suspects:
            return
        firsts = self._first_lines({job.key for _, job in self._suspects})
        for line, job in self._suspects:
            if firsts.get(job.key, line) == line:
                yield job
            else:
                message = f"the same key as {self._file.name}:{firsts[job.key]}, {job.name}"
                remedy = f"{' + '.join(self._spec.key_fields)} must tell all items apart"
                told.add_at(line, message, remedy, self._spec.id)

    def _first_lines(self, wanted: set[str]) -> dict[str, int]:
        firsts: dict[str, int] = {}
        plan, edition, spec = self._naming.plan, self._naming.edition, self._spec
        for item in read_items(self._file, Complaints(self._file.name)):
            fields = [item.value.get(name) for name in spec.key_fields]
            if all(isinstance(part, _SCALARS) for part in fields):
                key = job_key(plan, edition, spec.id, fields)
                if key in wanted:
                    firsts.setdefault(key, item.line)
        return firsts


def _tags_of(spec: JobSpec, naming: Naming) -> Callable[[Mapping[str, Any]], str]:
    """How to make the tags of a job, as canonical JSON; made only once when they are all alike."""
    if not any(map(is_template, spec.tags.values())):
        alike = canonical(spec.tags)
        return lambda _item: alike
    names: dict[str, Any] = {
        "batch": naming.batch,
        "edition": naming.edition,
        "plan": {"dir": naming.folder},
        "job": {"id": spec.id, "name": spec.id},
        "set": spec.sets,
    }

    given = tuple(spec.tags.items())

    def rendered(item: Mapping[str, Any]) -> str:
        known = {**names, "item": item}
        return _tags_text(tuple((name, _tag(text, item, known)) for name, text in given))

    return rendered


@lru_cache(maxsize=1024)
def _tags_text(tags: tuple[tuple[str, str], ...]) -> str:
    return canonical(dict(tags))


def _tag(text: str, item: Mapping[str, Any], names: Mapping[str, Any]) -> str:
    """One tag; the usual ``{{ item.site }}`` needs no engine."""
    found = _ITEM_FIELD.fullmatch(text)
    value = item.get(found[1]) if found else None
    return value if isinstance(value, str) else render(text, names)


def _check_count(spec: JobSpec, count: int, told: Complaints) -> None:
    if spec.items_expect is not None and count != spec.items_expect:
        told.add_at(None, f"{count} items, but items_expect = {spec.items_expect}", "", spec.id)
