"""Importable functions, in interpreters that are kept warm and outlive the runner."""

from __future__ import annotations

import sys
from dataclasses import replace

from bydawn.backends.local import LocalBackend, environment_for, refusal, secrets_of
from bydawn.core.later import Later
from bydawn.core.sightings import LaunchAnswer, Request
from bydawn.processes.runs import Call, Order


class PythonBackend(LocalBackend):
    """``call`` as ``module:function``, imported with the plan's folder first on the path.

    The function gets ``item`` when there is one, else nothing. What it returns, as JSON, is the
    result; None is no result. ``sys.exit(n)`` counts as exit code n, an exception is transient.
    """

    name = "python"
    capabilities = replace(LocalBackend.capabilities, only_sends=True)

    def launch(self, request: Request) -> LaunchAnswer | Later:
        function = str(request.payload.get("call") or "")
        module, colon, name = function.partition(":")
        if not (module and colon and name):
            return refusal("not_importable", f"{function!r} is not of the form module:function")
        if request.isolate != "none":
            return refusal("isolation", f"isolate = {request.isolate!r} is not available here")
        return self._runs.start_later(
            Order(
                launch_key=request.launch_key,
                folder=request.folder,
                environment=self._environment(request),
                timeout_ms=request.timeout_ms,
                grace_ms=request.grace_ms,
                send_by=request.send_by,
                secrets=secrets_of(request),
                call=self._call(request, function),
            )
        )

    def _call(self, request: Request, function: str) -> Call:
        payload = request.payload
        return Call(
            function=function,
            # Without -P the folder of our own program would come first on the path.
            interpreter=(sys.executable, "-P"),
            path=request.plan_folder,
            item=payload.get("item"),
            with_item="item" in payload,
        )

    def _environment(self, request: Request) -> dict[str, str]:
        """As for a command, and what the runner itself imports, its calls can import too."""
        path = self._machine_environment.get("PYTHONPATH")
        ours = {"PYTHONPATH": path} if path else {}
        return {**ours, **environment_for(self._machine_environment, request)}
