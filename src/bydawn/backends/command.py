"""Commands on this machine: any program, or a line for the shell, under a supervisor of its own."""

from __future__ import annotations

from typing import Any

from bydawn.backends.local import LocalBackend, as_asked, place_of, refusal, secrets_of
from bydawn.backends.workspaces import made_ready
from bydawn.core.sightings import LaunchAnswer, Request
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
        try:
            made = as_asked(argv, place_of(request), request, self._machine_environment, self._runs)
        except (OSError, KeyError) as error:
            return refusal("isolation", str(error))
        return self._runs.start(
            Order(
                launch_key=request.launch_key,
                folder=request.folder,
                environment=made.environment,
                timeout_ms=request.timeout_ms,
                grace_ms=request.grace_ms,
                send_by=request.send_by,
                secrets=secrets_of(request),
                argv=made.argv,
                cwd=place_of(request),
            )
        )


def _argv(payload: dict[str, Any]) -> tuple[str, ...]:
    if payload.get("shell"):
        return (_SHELL, "-c", str(payload["shell"]))
    return tuple(str(part) for part in payload.get("argv") or ())
