"""Commands on this machine: any program, or a line for the shell, under a supervisor of its own."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from bydawn.core.sightings import (
    CancelAnswer,
    Capabilities,
    Failure,
    FailureClass,
    FindAnswer,
    Guarantee,
    LaunchAnswer,
    LaunchRefused,
    Request,
    Sighting,
)
from bydawn.processes.environment import job_environment
from bydawn.processes.isolation import NONE, apart, why_not
from bydawn.processes.runs import LocalRuns, Order

_SHELL = "/bin/sh"


class CommandBackend:
    """``argv`` as a list or ``shell`` as a line; ``cwd`` (the draft), ``env`` and ``pass_env``."""

    name = "command"
    capabilities = Capabilities(guarantee=Guarantee.LOCAL_CLAIM, local=True)

    def __init__(self, runs: LocalRuns, machine_environment: Mapping[str, str]) -> None:
        self._runs = runs
        self._machine_environment = machine_environment

    def launch(self, request: Request) -> LaunchAnswer:
        argv = _argv(request.payload)
        if not argv:
            return refusal("spawn", "neither argv nor shell says what to run")
        environment = environment_for(self._machine_environment, request)
        if request.isolate != NONE:
            try:
                argv, environment = self._apart(request, argv, environment)
            except (OSError, KeyError) as error:
                return refusal("isolation", str(error))
        return self._runs.start(
            Order(
                launch_key=request.launch_key,
                folder=request.folder,
                environment=environment,
                timeout_ms=request.timeout_ms,
                grace_ms=request.grace_ms,
                send_by=request.send_by,
                argv=argv,
                cwd=_cwd(request),
            )
        )

    def _apart(
        self, request: Request, argv: tuple[str, ...], environment: dict[str, str]
    ) -> tuple[tuple[str, ...], dict[str, str]]:
        """The command as it is started to be apart; OSError where this machine cannot do it."""
        machine, state_folder = self._machine_environment, self._runs.state_folder
        why = why_not(request.isolate, machine, state_folder)
        if why:
            raise OSError(f'isolate = "{request.isolate}" is not possible here: {why}')
        made = apart(request.isolate, argv, request.folder, state_folder, machine)
        return made.argv, {**environment, **made.environment}

    def find(self, request: Request) -> FindAnswer:
        return self._runs.find(request.folder)

    def poll(self, handle: str) -> Sighting:
        return self._runs.look(handle)

    def cancel(self, handle: str, reason: str) -> CancelAnswer:
        return self._runs.end(handle, reason)

    def close(self) -> None:
        """The runs belong to whoever made this backend."""


def refusal(code: str, message: str) -> LaunchRefused:
    return LaunchRefused(Failure(FailureClass.PERMANENT, code, message))


def environment_for(machine: Mapping[str, str], request: Request) -> dict[str, str]:
    payload = request.payload
    env = {name: str(value) for name, value in (payload.get("env") or {}).items()}
    return job_environment(machine, request, payload.get("pass_env") or (), env)


def _argv(payload: dict[str, Any]) -> tuple[str, ...]:
    if payload.get("shell"):
        return (_SHELL, "-c", str(payload["shell"]))
    return tuple(str(part) for part in payload.get("argv") or ())


def _cwd(request: Request) -> str:
    """Where the plan says, seen from the plan's folder; empty for the draft."""
    cwd = request.payload.get("cwd")
    return os.path.join(request.plan_folder, os.path.expanduser(cwd)) if cwd else ""
