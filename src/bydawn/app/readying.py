"""What a plan needs and this machine does not have is refused before anything starts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from bydawn.app.backends import REGISTRY
from bydawn.app.isolating import refuse_unavailable
from bydawn.core.errors import BackendMissing
from bydawn.core.model import JobSpec
from bydawn.core.sightings import Readiness
from bydawn.core.templates import is_template
from bydawn.processes.worktrees import why_no_worktree
from bydawn.store.store import Batch, Store


def refuse_unready(
    specs: Iterable[JobSpec], environment: Mapping[str, str], state_folder: Path
) -> None:
    """Raise BackendMissing for the first thing that is not to be had here: a backend's program,
    package or account, an isolation, a repository to work in."""
    jobs = list(specs)
    refuse_unavailable(jobs, environment, state_folder)
    asked: set[str] = set()
    for spec in jobs:
        _refuse_no_worktree(spec, environment)
        if spec.backend not in asked:
            asked.add(spec.backend)
            why = readiness_of(spec, environment, state_folder).why_not
            if why:
                raise BackendMissing(f"{spec.id}: the backend {spec.backend} is not ready", why)


def refuse_unready_for(
    store: Store, batch: Batch, environment: Mapping[str, str], state_folder: Path
) -> None:
    """The same for a batch as it is recorded."""
    specs = (store.spec(template.spec) for template in store.templates(batch.number))
    refuse_unready(specs, environment, state_folder)


def readiness_of(spec: JobSpec, environment: Mapping[str, str], state_folder: Path) -> Readiness:
    """Whether the backend of a job could run something here and now."""
    from bydawn.app.backends import Makers
    from bydawn.backends.backend import Surroundings
    from bydawn.processes.runs import LocalRuns
    from bydawn.runner.clock import SystemClock

    table = spec.payload.get("backend_config") or {}
    kind = str(table.get("type", spec.backend))
    if kind not in REGISTRY:
        return Readiness(why_not=f"there is no backend of the type {kind}")
    runs = LocalRuns(state_folder, "asking")
    makers = Makers(lambda options: Surroundings(environment, SystemClock(), runs, options))
    backend = makers[kind](table)
    try:
        return backend.readiness()
    finally:
        backend.close()


def _refuse_no_worktree(spec: JobSpec, environment: Mapping[str, str]) -> None:
    wanted = spec.payload.get("workspace")
    if not wanted or is_template(wanted["git"]) or is_template(wanted["ref"]):
        return
    why = why_no_worktree(wanted["git"], wanted["ref"], environment)
    if why:
        raise BackendMissing(f"{spec.id}: there is no workspace: {why}", "git and ref say of what")
