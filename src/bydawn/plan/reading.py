"""From a plan file to a valid plan, or to every complaint about it at once."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import UTC, tzinfo
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO

from bydawn.core.editions import EditionError, deadline_at
from bydawn.core.errors import Complaint, PlanInvalid
from bydawn.core.lengths import LengthError
from bydawn.core.model import JobSpec, PlannedBatch, PlannedJob, Pool
from bydawn.core.offers import Offer
from bydawn.core.values import value
from bydawn.plan import check
from bydawn.plan.caps import Effective, check_raises, effective
from bydawn.plan.complaints import Complaints
from bydawn.plan.configuration import FLAGS, Layer, Layers, gather
from bydawn.plan.expand import Naming, item_jobs, plain_job, suspicions
from bydawn.plan.identity import edition_of, fingerprint, source_folder, zone
from bydawn.plan.items import ItemsFile, first_item
from bydawn.plan.jobs import Jobs, read_jobs
from bydawn.plan.pricing import check_prices
from bydawn.plan.read import Source, read_toml
from bydawn.plan.schema import BudgetTable, ConfigFile, PlanFile, RunTable
from bydawn.plan.specs import batch_terms, bound
from bydawn.plan.trial import Scene
from bydawn.plan.validate import accepted, did_you_mean, examine, sound
from bydawn.plan.values import Overrides, Plan, all_priced

_SUSPECTED_ITEMS = 1_000


@value
class Time:
    """When the plan is read, in its own timezone, and the edition that makes."""

    at: int
    timezone: tzinfo
    edition: str

    def deadline_at(self, deadline: str) -> int:
        return deadline_at(deadline, self.at, self.timezone)


def read_plan(
    path: Path,
    *,
    at: int,
    overrides: Overrides,
    environment: Mapping[str, str],
    backends: Mapping[str, Offer],
    stdin: BinaryIO | None = None,
    is_priced: Callable[[str], bool] = all_priced,
) -> Plan:
    """The valid plan; PlanInvalid with all complaints. ``backends``: what there is to run on.

    ``stdin`` must be seekable (see ``spool``); it is read for ``items = "-"``.
    """
    source = read_toml(path)
    return _valid(source, path, at, overrides, environment, backends, stdin, is_priced)


def from_data(
    data: Mapping[str, Any],
    *,
    path: Path,
    at: int,
    overrides: Overrides,
    environment: Mapping[str, str],
    backends: Mapping[str, Offer],
    is_priced: Callable[[str], bool] = all_priced,
) -> Plan:
    """As ``read_plan`` for a plan no file holds; ``path`` is where one would lie, and its name."""
    text = json.dumps(data, sort_keys=True, default=repr)
    source = Source(path.name, text, dict(data))
    return _valid(source, path, at, overrides, environment, backends, None, is_priced)


def _valid(
    source: Source,
    path: Path,
    at: int,
    overrides: Overrides,
    environment: Mapping[str, str],
    backends: Mapping[str, Offer],
    stdin: BinaryIO | None,
    is_priced: Callable[[str], bool],
) -> Plan:
    layers = gather(source_folder(path), environment, overrides, source)
    wrong = _validate(layers)
    plan = next(layer for layer in layers.layers if layer.is_plan)
    time = _time(plan, overrides, at)
    flags = Complaints(FLAGS)
    check_raises(overrides.raise_cap, partial(flags.add, ()))
    said = effective(layers, overrides.raise_cap, time.deadline_at)
    pools = _declared_pools(layers)
    jobs = read_jobs(plan, wrong, said, path, overrides, backends, stdin)
    _check_whole(jobs, pools, said, path, is_priced, plan.complaints)
    check.check_autonomy(plan.data, plan.warnings)
    naming = Naming(str(plan.data.get("name", "plan")), time.edition, str(source_folder(path)))
    jobs.try_templates(Scene(naming.batch, time.edition, naming.folder), plan.complaints)
    _raise_if_any(layers, flags, jobs)
    batch = _batch(source, path, time, said, jobs, fingerprint(source, path, layers,
        replace(overrides, only=None), stdin))  # fmt: skip
    warnings = tuple(_warnings(layers, jobs))
    result = Plan(batch, warnings, partial(_stream, jobs, naming, plan.complaints))
    return result.only(overrides.only) if overrides.only else result


def _validate(layers: Layers) -> list[tuple[str | int, ...]]:
    """Every layer against its schema; what was wrong is taken out. The wrong places of the plan."""
    wrong_in_plan: list[tuple[str | int, ...]] = []
    for number, layer in enumerate(layers.layers):
        model = PlanFile if layer.is_plan else ConfigFile
        wrong = examine(model, layer.data, layer.complaints)
        layers.layers[number] = replace(layer, data=sound(dict(layer.data), wrong))
        if layer.is_plan:
            wrong_in_plan = wrong
    return wrong_in_plan


def _time(plan: Layer, overrides: Overrides, at: int) -> Time:
    name = str(plan.data.get("timezone", "UTC"))
    timezone = zone(name)
    if timezone is None:
        from zoneinfo import available_timezones

        remedy = did_you_mean(name, sorted(available_timezones())) or 'write one like "Asia/Tokyo"'
        plan.complaints.add(("timezone",), f'there is no timezone "{name}"', remedy)
        timezone = UTC
    try:
        return Time(at, timezone, edition_of(plan.data, overrides.date, at, timezone))
    except (EditionError, LengthError) as error:
        plan.complaints.add_at(None, str(error), "see --date", "edition")
        return Time(at, timezone, "")


def _declared_pools(layers: Layers) -> dict[str, Any]:
    pools: dict[str, Any] = {}
    for layer in reversed(layers.layers):
        table = layer.data.get("pools")
        pools.update(table if isinstance(table, dict) else {})
    return pools


def _check_whole(
    jobs: Jobs, pools: Mapping[str, Any], said: Effective, path: Path,
    is_priced: Callable[[str], bool], told: Complaints,
) -> None:  # fmt: skip
    budget = accepted(BudgetTable, said.data.get("budget", {})) or BudgetTable()
    run = accepted(RunTable, said.data.get("run", {})) or RunTable()
    check.check_names(jobs.entries, told)
    check.check_pools(jobs.entries, pools, told)
    unpriced = check_prices(jobs.entries, budget, is_priced, told)
    check.check_bounds(jobs.entries, bound(budget), told, unpriced)
    check.check_targets(jobs.entries, source_folder(path), str(path.absolute()), told)
    check.check_lease(run.lease, told)


def _raise_if_any(layers: Layers, flags: Complaints, jobs: Jobs) -> None:
    found = [complaint for unread in layers.unread for complaint in unread.complaints]
    for told in [*(layer.complaints for layer in layers.layers), flags, *jobs.told]:
        found.extend(sorted(told.found, key=_line))
    if found:
        raise PlanInvalid(tuple(found))


def _line(complaint: Complaint) -> int:
    return complaint.line or 0


def _batch(
    source: Source, path: Path, time: Time, said: Effective, jobs: Jobs, print_: str
) -> PlannedBatch:
    plan = PlanFile.model_validate(source.data)
    run = RunTable.model_validate(said.data.get("run", {}))
    budget = BudgetTable.model_validate(said.data.get("budget", {}))
    pools = tuple(Pool(name, **limits) for name, limits in said.data.get("pools", {}).items())
    terms = batch_terms(plan, run, budget, pools)
    return PlannedBatch(
        plan=plan.name,
        edition=time.edition,
        folder=str(source_folder(path)),
        source=str(path.absolute()),
        terms=terms,
        specs=tuple(jobs.specs),
        fingerprint=print_,
        deadline_at=time.deadline_at(terms.deadline) if terms.deadline else None,
    )


def _warnings(layers: Layers, jobs: Jobs) -> Iterator[Complaint]:
    for layer in layers.layers:
        yield from sorted(layer.warnings.found, key=_line)
    for spec, file in jobs.with_items():
        if first_item(file) is None:
            yield Complaint(file.name, None, spec.id, "there are no items in it")
        yield from suspicions(spec, file, _SUSPECTED_ITEMS)


def _stream(jobs: Jobs, naming: Naming, told: Complaints) -> Iterator[PlannedJob]:
    """Every job in plan order; PlanInvalid at the end with what was wrong in the items."""
    position = 0
    troubles: list[Complaint] = []
    for spec, file, place in jobs.places(told):
        found = Complaints(file.name if file else told.file)
        for job in _expanded(spec, file, place, naming, position, found):
            position = job.position + 1
            yield job
        troubles.extend(found.found)
    if troubles:
        raise PlanInvalid(tuple(troubles))


def _expanded(
    spec: JobSpec, file: ItemsFile | None, place: str, naming: Naming, start: int, told: Complaints
) -> Iterable[PlannedJob]:
    if file is not None:
        return item_jobs(spec, naming, file, told, start)
    return () if spec.items_from else (plain_job(spec, naming, start, place),)
