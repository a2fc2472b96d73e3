"""Commands on this machine: any program, or a line for the shell, under a supervisor of its own."""

from __future__ import annotations

from typing import Any

from bydawn.backends.local import LocalBackend, environment_for, place_of, refusal
from bydawn.backends.workspaces import made_ready
from bydawn.core.sightings import LaunchAnswer, Request
from bydawn.processes.isolation import NONE, apart, why_not
from bydawn.processes.runs import Order

_SHELL = "/bin/sh"


class CommandBackend(LocalBackend):
    """``argv`` as a list or ``shell`` as a line; ``cwd`` (the draft), ``env`` and ``pass_env``."""

    name = "command"

    def launch(self, request: Request) -> LaunchAnswer:
        argv = _argv(request.payload)
        if not argv:
            return refusal("spawn", "neither argv nor shell says what to run")
        in_the_way = made_ready(request, self._machine_environment)
        if in_the_way is not None:
            return in_the_way
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
                cwd=place_of(request),
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


def _argv(payload: dict[str, Any]) -> tuple[str, ...]:
    if payload.get("shell"):
        return (_SHELL, "-c", str(payload["shell"]))
    return tuple(str(part) for part in payload.get("argv") or ())
