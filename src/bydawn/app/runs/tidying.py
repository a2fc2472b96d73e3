"""Worktrees of jobs that came to a good end keep only what those jobs made."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from bydawn.app.names import RUNS
from bydawn.app.runs.outcomes import is_over
from bydawn.core.states import State
from bydawn.processes.worktrees import is_untidy, tidy
from bydawn.store import read
from bydawn.store.store import Store


def tidy_workspaces(store: Store, batches: Iterable[int], state_folder: Path) -> None:
    """Only of batches that are over, since a job may still read what another one left; failed and
    parked ones stay whole for a look, until they are aged out with everything else."""
    for number in batches:
        if not _has_workspaces(store, number) or not is_over(store, store.batch(number)):
            continue
        for job in read.jobs(store.session, number):
            if job.state == State.SUCCEEDED.value:
                _tidy_runs(state_folder / RUNS / job.job_id)


def _has_workspaces(store: Store, number: int) -> bool:
    specs = (store.spec(template.spec) for template in store.templates(number))
    return any("workspace" in spec.payload for spec in specs)


def _tidy_runs(runs: Path) -> None:
    for folder in runs.glob("*"):
        if is_untidy(str(folder)):
            tidy(str(folder))
