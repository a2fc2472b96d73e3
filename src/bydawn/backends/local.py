"""What all backends of this machine do alike: finding, looking at and ending a supervised run."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping

from bydawn.backends.backend import Backend, Surroundings
from bydawn.core.sightings import (
    CancelAnswer,
    Capabilities,
    Failure,
    FailureClass,
    FindAnswer,
    Guarantee,
    LaunchRefused,
    Request,
    Sighting,
)
from bydawn.processes.environment import job_environment


class LocalBackend(Backend):
    """Three of the four verbs; a backend of its own says how it launches. The runs belong to
    whoever made it, so it has nothing to close."""

    capabilities = Capabilities(guarantee=Guarantee.LOCAL_CLAIM, local=True)

    def __init__(self, around: Surroundings) -> None:
        self._runs = around.runs
        self._machine_environment = around.environment

    def find(self, request: Request) -> FindAnswer:
        return self._runs.find(request.folder)

    def poll(self, handle: str) -> Sighting:
        return self._runs.look(handle)

    def cancel(self, handle: str, reason: str) -> CancelAnswer:
        return self._runs.end(handle, reason)


def refusal(code: str, message: str) -> LaunchRefused:
    return LaunchRefused(Failure(FailureClass.PERMANENT, code, message))


def environment_for(
    machine: Mapping[str, str],
    request: Request,
    passed: Iterable[str] = (),
    settings: Mapping[str, str] | None = None,
) -> dict[str, str]:
    """The environment of one run, from this machine and from its payload.

    ``passed`` and ``settings`` are the backend's own; what the plan says goes before them.
    """
    payload = request.payload
    env = {name: str(value) for name, value in (payload.get("env") or {}).items()}
    named = [*(payload.get("pass_env") or ()), *passed]
    return job_environment(machine, request, named, {**(settings or {}), **env})


def place_of(request: Request) -> str:
    """The folder a run works in: where the plan says, seen from its worktree or else from the
    plan's folder; empty for the draft, which a worktree is."""
    cwd = request.payload.get("cwd")
    if not cwd:
        return ""
    if request.payload.get("workspace"):
        return os.path.join(request.folder, "draft", cwd)
    return os.path.join(request.plan_folder, os.path.expanduser(cwd))
