"""The contract of a backend: launch exactly one attempt, find it again, look at it, end it.

Four verbs everyone has to write; the others have a default for those who derive from ``Backend``.
None of them waits for a run, none of them retries by itself (a client's own retries are switched
off), and each bounds its own time: a call that hangs keeps a thread of the runner from others. They
are called from several threads at once. Whatever a backend raises is taken for its own bug: a
launch is then ambiguous, a look learns nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from typing import Any, Protocol

from bydawn.core.clock import Clock
from bydawn.core.later import Later
from bydawn.core.sightings import (
    CancelAnswer,
    Capabilities,
    Failure,
    FailureClass,
    FindAnswer,
    LaunchAnswer,
    LaunchRefused,
    Readiness,
    Request,
    ReserveAnswer,
    Sighting,
)
from bydawn.core.values import value
from bydawn.processes.runs import LocalRuns


class Backend(Protocol):
    """What the runner asks of one. ``capabilities`` are values and never change."""

    name: str
    capabilities: Capabilities

    def launch(self, request: Request) -> LaunchAnswer | Later:
        """Start the run named by ``request.launch_key`` at most once and say what is known, now or,
        where the answer comes by itself, ``Later``: then no thread of the runner waits for it.

        ``Launched`` and ``LaunchRefused`` are certain; everything else is ``LaunchUnclear``. A
        two-phase backend starts it in ``request.container``, and looks there first.
        """
        ...

    def find(self, request: Request) -> FindAnswer:
        """Say whether a run exists under ``request.launch_key``. ``Absent`` only after everything
        there is was looked through; a listing that fails half-way is ``Unknown`` or raises."""
        ...

    def poll(self, handle: str) -> Sighting:
        """Look at the run once. An unheard-of word for its state means it is alive."""
        ...

    def cancel(self, handle: str, reason: str) -> CancelAnswer:
        """Ask the run to end; a later ``poll`` proves it."""
        ...

    def reserve(self, request: Request) -> ReserveAnswer:
        """Two-phase only: make the free container the run will be started in. May be repeated."""
        return LaunchRefused(Failure(FailureClass.PERMANENT, "no_reserve", f"for {request.job}"))

    def collect(self, request: Request, handle: str, folder: str) -> Failure | None:
        """Where ``capabilities.collects``: put the output of an ended run into ``folder``, its
        draft. A transient failure is tried again here; any other is judged. May be repeated."""
        del request, handle, folder
        return None

    def readiness(self) -> Readiness:
        """Whether it could run something here and now: programs, credentials, packages. Asked
        before anything starts; must not cost anything and answer within seconds."""
        return Readiness()

    def inquire(self, model: str | None) -> Failure | None:
        """Ask the service itself, at no cost, whether it would take on a job with this model: is
        the key good, is everything known that is asked for. None where nothing speaks against it,
        or where there is nobody to ask."""
        del model
        return None

    def close(self) -> None:
        """Let go of what this process holds; runs go on."""
        return


@value
class Surroundings:
    """What every backend is made from. ``environment`` is this machine's: secrets are read from it
    at the call and kept nowhere. ``options`` is the backend's own table of the plan
    (``[backends.X]``, empty where there is none), ``runs`` starts processes under supervision."""

    environment: Mapping[str, str]
    clock: Clock
    runs: LocalRuns
    options: Mapping[str, Any] = field(default_factory=dict)
