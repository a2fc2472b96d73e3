"""Backends asked, before anything starts, whether they could run something here and now."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bydawn.app.backends import REGISTRY, kind_of, table_of
from bydawn.app.beforehand.isolating import refuse_unavailable
from bydawn.app.makers import Makers
from bydawn.core.errors import BackendMissing
from bydawn.core.model import JobSpec
from bydawn.core.offers import Offer
from bydawn.core.templates import is_template
from bydawn.core.values import value
from bydawn.processes.worktrees import why_no_worktree

if TYPE_CHECKING:
    from bydawn.backends.backend import Backend
    from bydawn.core.sightings import Failure, Readiness
    from bydawn.store.store import Batch, Store

Table = Mapping[str, Any]


@value
class Standing:
    """One backend as it stands here. ``why_not`` is empty when it could run something now."""

    name: str
    origin: str
    guarantee: str
    effects: str
    version: str
    why_not: str


def refuse_unready(
    wanted: Iterable[JobSpec], environment: Mapping[str, str], state_folder: Path
) -> None:
    """Raise BackendMissing for the first thing these jobs need and would not find here: an
    isolation, a repository to work in, a backend that could run something now."""
    specs = list(wanted)
    refuse_unavailable(specs, environment, state_folder)
    for spec in specs:
        refuse_no_worktree(spec, environment)
    asked = readiness_of_each(specs, environment, state_folder)
    missing = [(spec, ready.why_not) for spec, ready in asked if ready.why_not]
    for spec, why_not in missing[:1]:
        what, _, remedy = why_not.partition(": ")
        others = len(missing) - 1
        more = f"; then {others} more, which bydawn doctor names" if others else ""
        raise BackendMissing(f"{spec.id}: the backend {spec.backend}: {what}", remedy + more)


def readiness_of_each(
    specs: Iterable[JobSpec], environment: Mapping[str, str], state_folder: Path
) -> Iterator[tuple[JobSpec, Readiness]]:
    """Each backend that these jobs use, by the first job that uses it."""
    with makers(environment, state_folder) as make:
        for spec in _one_of_each(specs):
            yield spec, _readiness(make, kind_of(spec), table_of(spec))


def refuse_unready_for(
    store: Store, batch: Batch, environment: Mapping[str, str], state_folder: Path
) -> None:
    """The same for a batch as it is recorded."""
    specs = (store.spec(template.spec) for template in store.templates(batch.number))
    refuse_unready(specs, environment, state_folder)


def refuse_no_worktree(spec: JobSpec, environment: Mapping[str, str]) -> None:
    """The same for what the job works in; an address is believed."""
    wanted = spec.payload.get("workspace")
    if not wanted or is_template(wanted["git"]) or is_template(wanted["ref"]):
        return
    why = why_no_worktree(wanted["git"], wanted["ref"], environment)
    if why:
        raise BackendMissing(f"{spec.id}: there is no workspace: {why}", "see its git and ref")


def standings(environment: Mapping[str, str], state_folder: Path) -> Iterator[Standing]:
    """Every type of backend there is, the broken and the refused ones included."""
    with makers(environment, state_folder) as make:
        for name in sorted(REGISTRY):
            yield _standing(make, name, REGISTRY[name])
    for name, package in REGISTRY.refused():
        why = f"the name belongs to a built-in backend: ask {package} for another"
        yield Standing(name, package, "", "", "", why)


def inquiries(
    specs: Iterable[JobSpec], environment: Mapping[str, str], state_folder: Path
) -> Iterator[tuple[JobSpec, Readiness, Failure | None]]:
    """Every backend and model that the jobs name and that lives elsewhere: is it ready here, and
    what does the service itself say against it?"""
    with makers(environment, state_folder) as make:
        for spec in _one_of_each(specs, by_model=True):
            with _made(partial(make[kind_of(spec)], table_of(spec))) as backend:
                if backend.capabilities.local or backend.capabilities.prompt:
                    continue
                ready = backend.readiness()
                yield spec, ready, None if ready.why_not else backend.inquire(model_of(spec))


def model_of(spec: JobSpec) -> str | None:
    """The model a job names, where it is known before its launch."""
    model = spec.payload.get("model")
    return None if model is None or is_template(str(model)) else str(model)


@contextlib.contextmanager
def makers(environment: Mapping[str, str], state_folder: Path) -> Iterator[Makers]:
    """What makes backends that are only to be asked."""
    from bydawn.backends.backend import Surroundings
    from bydawn.processes.runs import LocalRuns
    from bydawn.runner.clock import SystemClock

    runs = LocalRuns(state_folder, "ready")
    try:
        yield Makers(partial(Surroundings, environment, SystemClock(), runs))
    finally:
        runs.close()


def _one_of_each(specs: Iterable[JobSpec], by_model: bool = False) -> list[JobSpec]:
    found: dict[str, JobSpec] = {}
    for spec in specs:
        model = model_of(spec) if by_model else None
        found.setdefault(f"{spec.backend} {sorted(table_of(spec).items())!r} {model}", spec)
    return list(found.values())


def _standing(make: Makers, name: str, offer: Offer) -> Standing:
    row = REGISTRY.row(name)
    if offer.broken:
        return Standing(name, row.origin, "", "", "", offer.broken)
    is_open = offer.varies and offer.needs_options
    guarantee = "by its table" if is_open else offer.guarantee_of({}).value
    if offer.needs_options:
        why = f'it needs a table: say [backends.X] with type = "{name}" in the plan'
        return Standing(name, row.origin, guarantee, offer.default_effects, "", why)
    ready = _readiness(make, name, {})
    return Standing(
        name, row.origin, guarantee, offer.default_effects, ready.version, ready.why_not
    )


def _readiness(make: Makers, kind: str, table: Table) -> Readiness:
    with _made(lambda: make[kind](table)) as backend:
        return backend.readiness()


@contextlib.contextmanager
def _made(make: Callable[[], Backend]) -> Iterator[Backend]:
    backend = make()
    try:
        yield backend
    finally:
        backend.close()
