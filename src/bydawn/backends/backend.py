"""The contract of a backend: launch exactly one attempt, find it again, look at it, end it."""

from __future__ import annotations

from typing import Protocol

from bydawn.core.sightings import (
    CancelAnswer,
    Capabilities,
    FindAnswer,
    LaunchAnswer,
    Request,
    Sighting,
)


class Backend(Protocol):
    """Four short verbs. None of them waits for the run; none of them retries by itself."""

    name: str
    capabilities: Capabilities

    def launch(self, request: Request) -> LaunchAnswer:
        """Start the run named by ``request.launch_key`` at most once and say what is known."""
        ...

    def find(self, request: Request) -> FindAnswer:
        """Say whether a run exists under ``request.launch_key``."""
        ...

    def poll(self, handle: str) -> Sighting:
        """Look at the run once."""
        ...

    def cancel(self, handle: str, reason: str) -> CancelAnswer:
        """Ask the run to end; a later ``poll`` proves it."""
        ...

    def close(self) -> None:
        """Let go of what this process holds; runs go on."""
        ...
