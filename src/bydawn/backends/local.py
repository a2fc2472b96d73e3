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
from bydawn.processes.environment import job_environment, secret_names
from bydawn.processes.isolation import NONE, Apart, apart, why_not
from bydawn.processes.runs import LocalRuns


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


def as_asked(
    argv: tuple[str, ...], cwd: str, request: Request, machine: Mapping[str, str], runs: LocalRuns
) -> Apart:
    """A command of one run, apart from this account if its plan asks for it; OSError or KeyError
    where this machine cannot do it. An empty ``cwd`` is the draft."""
    environment = environment_for(machine, request)
    if request.isolate == NONE:
        return Apart(argv, environment)
    why = why_not(request.isolate, machine, runs.state_folder)
    if why:
        raise OSError(f'isolate = "{request.isolate}" is not possible here: {why}')
    made = apart(argv, cwd, request, runs.state_folder, machine)
    return Apart(made.argv, {**environment, **made.environment})


def secrets_of(request: Request, passed: Iterable[str] = ()) -> frozenset[str]:
    """The names in a run's environment whose values nobody may see; ``passed`` are those that the
    backend passes on by itself."""
    return frozenset(secret_names([*(request.payload.get("pass_env") or ()), *passed]))


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
