"""The jobs of a plan while it is read: their tables, the files they name, their specifications."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO

from bydawn.core.errors import PlanInvalid
from bydawn.core.lengths import parse_length
from bydawn.core.model import JobSpec
from bydawn.core.offers import Offer, offer_of
from bydawn.plan.caps import Effective
from bydawn.plan.check import Entry, check_backend, check_fields
from bydawn.plan.complaints import Complaints
from bydawn.plan.configuration import Layer
from bydawn.plan.configured import check_tables
from bydawn.plan.identity import source_folder
from bydawn.plan.items import ItemsFile, first_item
from bydawn.plan.programs import check_program
from bydawn.plan.read import read_text
from bydawn.plan.schema import JobTable
from bydawn.plan.specs import job_spec, merged
from bydawn.plan.trial import Scene, stand_ins, try_templates
from bydawn.plan.validate import accepted
from bydawn.plan.values import Overrides

_TEXT_LIMIT = 1_000_000
_STDIN = "-"


@dataclass(slots=True)
class Jobs:
    """Entries, specifications and items files, in plan order; ``told`` beside the plan's own."""

    entries: list[Entry] = field(default_factory=list)
    specs: list[JobSpec] = field(default_factory=list)
    files: dict[int, ItemsFile] = field(default_factory=dict)
    told: list[Complaints] = field(default_factory=list)

    def try_templates(self, scene: Scene, told: Complaints) -> None:
        for entry, spec in zip(self.entries, self.specs, strict=True):
            file = self.files.get(entry.number)
            names = stand_ins(spec, scene, first_item(file) if file else None)
            if file is None or names["item"]:
                try_templates(spec, names, told, entry)

    def with_items(self) -> Iterator[tuple[JobSpec, ItemsFile]]:
        for entry, spec in zip(self.entries, self.specs, strict=True):
            if entry.number in self.files:
                yield spec, self.files[entry.number]

    def places(self, lines: Complaints) -> Iterator[tuple[JobSpec, ItemsFile | None, str]]:
        """Each specification with its items and the place it was written."""
        for entry, spec in zip(self.entries, self.specs, strict=True):
            place = f"{lines.file}:{lines.line(entry.at)}"
            yield spec, self.files.get(entry.number), place


def read_jobs(
    plan: Layer,
    wrong: list[tuple[str | int, ...]],
    said: Effective,
    path: Path,
    overrides: Overrides,
    backends: Mapping[str, Offer],
    stdin: BinaryIO | None,
) -> Jobs:
    """Every ``[[job]]`` with the defaults, its files read and its own mistakes told."""
    jobs = Jobs()
    tables: Mapping[str, Any] = plan.data.get("backends", {})
    offered = partial(offer_of, tables=tables, known=backends)
    check_tables(tables, backends, plan.complaints)
    owns = _with_items_of_flag(_tables(plan), overrides, jobs)
    for number, own in enumerate(owns):
        entry = _entry(number, own, said, wrong, offered)
        if entry is None:
            continue
        jobs.entries.append(entry)
        offer = offered(entry.table.backend)
        if offer or entry.table.backend not in tables:
            check_backend(entry, offer, backends, plan.complaints)
        check_fields(entry, plan.complaints, plan.warnings)
        check_program(entry, source_folder(path), plan.warnings)
        _under_ceilings(entry, said, plan.warnings)
        jobs.specs.append(_spec(entry, plan, path, overrides, offer))
        file = _items_file(entry, path, overrides, stdin)
        if file is not None:
            jobs.files[number] = file
            _check_items(entry, file, jobs, plan.complaints)
    return jobs


def _tables(plan: Layer) -> list[dict[str, Any]]:
    tables = plan.data.get("job")
    return [each for each in tables if isinstance(each, dict)] if isinstance(tables, list) else []


def _with_items_of_flag(
    tables: list[dict[str, Any]], overrides: Overrides, jobs: Jobs
) -> list[dict[str, Any]]:
    if overrides.items is None:
        return tables
    takers = [number for number, table in enumerate(tables) if "items" in table]
    if len(takers) != 1:
        told = Complaints("--items")
        told.add((), f"{len(takers)} jobs of the plan have items", "exactly one must")
        jobs.told.append(told)
        return tables
    given = str(overrides.items)
    absolute = given if given == _STDIN else str(overrides.items.absolute())
    return [
        {**table, "items": absolute} if number in takers else table
        for number, table in enumerate(tables)
    ]


def _entry(
    number: int,
    own: dict[str, Any],
    said: Effective,
    wrong: list[tuple[str | int, ...]],
    offered: Callable[[str], Offer | None],
) -> Entry | None:
    table = merged(said.data.get("defaults", {}), own, offered)
    names = {str(place[2]) for place in wrong if place[:2] == ("job", number) and len(place) > 2}
    names |= {"job"} if ("job", number) in wrong else set()
    names |= {str(place[1]) for place in wrong if place[:1] == ("defaults",) and len(place) > 1}
    limited = _limited(table, said)
    job = accepted(JobTable, {"id": f"unnamed-{number}", **limited})
    return None if job is None else Entry(number, own, job, frozenset(names))


def _limited(table: dict[str, Any], said: Effective) -> dict[str, Any]:
    """The job's table within the ceilings other layers put on every job."""
    limited = dict(table)
    for path, (cap, _) in said.ceilings.items():
        if path[-1] == "timeout":
            if parse_length(table.get("timeout", "1h")) > parse_length(cap):
                limited["timeout"] = cap
        elif table.get("budget", {}).get(path[-1], 0) > cap:
            limited["budget"] = {**limited["budget"], path[-1]: cap}
    return limited


def _under_ceilings(entry: Entry, said: Effective, warnings: Complaints) -> None:
    """Warn where the job itself asked for more than another layer allows."""
    for path, (cap, origin) in said.ceilings.items():
        asked: Any = entry.own
        for part in path[1:]:
            asked = asked.get(part) if isinstance(asked, Mapping) else None
        given: Any = entry.table
        for part in path[1:]:
            given = getattr(given, part)
        if asked is not None and asked != given:
            message = f"{asked} is beyond the cap {cap} of {origin}; {cap} is used"
            remedy = f"raise it with --raise-cap {'.'.join(path)}={asked}"
            warnings.add((*entry.at, *path[1:]), message, remedy)


def _spec(
    entry: Entry, plan: Layer, path: Path, overrides: Overrides, offer: Offer | None
) -> JobSpec:
    folder = source_folder(path)
    configured = plan.data.get("backends", {}).get(entry.table.backend)
    return job_spec(
        entry.table,
        effects=offer.default_effects if offer else "outside",
        folder=folder,
        sets=overrides.sets,
        texts=_texts(entry, folder, path.parent, plan.complaints),
        configured=configured if isinstance(configured, Mapping) else None,
    )


def _texts(entry: Entry, folder: Path, shown: Path, told: Complaints) -> dict[str, Any]:
    """What is in the files the job names, read now so that nothing is needed from disk later."""
    texts: dict[str, Any] = {}
    table = entry.table
    if table.prompt_file is not None:
        at = entry.where("prompt_file")
        texts["prompt"] = _text_of(folder, shown, table.prompt_file, at, told)
    if table.expect is not None and table.expect.json_schema is not None:
        at = entry.where("expect", "json_schema")
        text = _text_of(folder, shown, table.expect.json_schema, at, told)
        texts["json_schema"] = _schema_of(text, at, told)
    return texts


def _text_of(
    folder: Path, shown: Path, named: str, at: tuple[str | int, ...], told: Complaints
) -> str:
    try:
        return read_text(folder / named, _TEXT_LIMIT)
    except PlanInvalid as error:
        for complaint in error.complaints:
            told.add(at, f"{shown / named}: {complaint.message}", complaint.remedy)
        return ""


def _schema_of(text: str, at: tuple[str | int, ...], told: Complaints) -> dict[str, Any] | None:
    if not text:
        return None
    try:
        schema = json.loads(text)
    except (ValueError, RecursionError) as error:
        told.add(at, f"the file is not JSON: {error}")
        return None
    if isinstance(schema, dict):
        return schema
    told.add(at, "the file is no JSON Schema", "it must be a JSON object")
    return None


def _items_file(
    entry: Entry, path: Path, overrides: Overrides, stdin: BinaryIO | None
) -> ItemsFile | None:
    named = entry.table.items
    if not isinstance(named, str):
        return None
    if named == _STDIN:
        return ItemsFile("stdin", None, stdin)
    if named in overrides.spooled:
        return ItemsFile(named, overrides.spooled[named])
    given = overrides.items
    is_given = given is not None and named == str(given.absolute())
    return ItemsFile(str(given if is_given else path.parent / named), source_folder(path) / named)


def _check_items(entry: Entry, file: ItemsFile, jobs: Jobs, told: Complaints) -> None:
    at = entry.where("items")
    if file.path is None and sum(each.path is None for each in jobs.files.values()) > 1:
        told.add(at, "stdin can be the items of one job only")
    try:
        with file.opened():
            pass
    except PlanInvalid as error:
        for complaint in error.complaints:
            told.add(at, f"{file.name}: {complaint.message}", complaint.remedy)
