"""A plan's check command: supervised as the run is, and with the same environment."""

from __future__ import annotations

from collections.abc import Mapping

from bydawn.backends.local import as_asked, refusal, secrets_of
from bydawn.core.sightings import LaunchAnswer, Request, Sighting
from bydawn.processes.runs import LocalRuns, Order


class CheckRuns:
    """Starts checks in a draft and looks at them. The claim makes each start happen at most
    once."""

    def __init__(self, runs: LocalRuns, machine_environment: Mapping[str, str]) -> None:
        self._runs = runs
        self._machine_environment = machine_environment

    def start(
        self, request: Request, number: int, argv: tuple[str, ...], timeout_ms: int
    ) -> LaunchAnswer:
        """Start the check, or find that it was started before; it reads what the run wrote, and is
        kept apart in the same way."""
        try:
            made = as_asked(argv, "", request, self._machine_environment, self._runs)
        except (OSError, KeyError) as error:
            return refusal("isolation", str(error))
        order = Order(
            launch_key=f"{request.launch_key}-check{number}",
            folder=f"{request.folder}/check-{number}",
            environment=made.environment,
            timeout_ms=timeout_ms,
            grace_ms=request.grace_ms,
            send_by=request.send_by,
            secrets=secrets_of(request),
            argv=made.argv,
            cwd=f"{request.folder}/draft",
        )
        return self._runs.start(order)

    def look(self, handle: str) -> Sighting:
        return self._runs.look(handle)
