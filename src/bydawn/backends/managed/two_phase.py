"""Launching in two calls: an empty container first, and, once that is on record, the run in it.

What became of the second call can always be told by looking into the container, so a vendor's word
for it need not be believed, and a crash between the two leaves nothing but an empty container.
"""

from __future__ import annotations

from abc import abstractmethod

from bydawn.backends.managed.troubles import Troubled, launch_answer
from bydawn.backends.managed.vendor import VendorBackend, unfit_of
from bydawn.core.sightings import (
    Absent,
    Failure,
    FailureClass,
    FindAnswer,
    Found,
    LaunchAnswer,
    Launched,
    LaunchRefused,
    LaunchUnclear,
    Request,
    ReserveAnswer,
    Reserved,
)


class InContainer(VendorBackend):
    """Three verbs out of three calls, each of which raises Troubled when it fails."""

    @abstractmethod
    def make(self, request: Request) -> str:
        """The name of a container for this launch; empty where the reply had none."""

    @abstractmethod
    def start(self, request: Request) -> str:
        """The handle of the run, started in ``request.container``; empty where it is not told."""

    @abstractmethod
    def started(self, container: str) -> str:
        """The handle of what was started in the container; empty where nothing was."""

    def reserve(self, request: Request) -> ReserveAnswer:
        if unfit := unfit_of(request):
            return unfit
        try:
            with self.before(request.send_by):
                container = self.make(request)
        except Troubled as error:
            return launch_answer(error.trouble)
        return Reserved(container) if container else LaunchUnclear("the reply names no container")

    def launch(self, request: Request) -> LaunchAnswer:
        try:
            known = self.started(request.container)
        except Troubled as error:
            return _unseen(error)
        try:
            with self.before(request.send_by):
                handle = known or self.start(request)
        except Troubled as error:
            return launch_answer(error.trouble)
        return Launched(handle) if handle else LaunchUnclear("the reply names no run")

    def find(self, request: Request) -> FindAnswer:
        known = self.started(request.container)
        return Found(known) if known else Absent()


def _unseen(error: Troubled) -> LaunchAnswer:
    """Nothing was started by this call; what an earlier one did cannot be said, unless its
    container is gone."""
    if error.trouble.is_gone:
        gone = "the container that was reserved is gone"
        return LaunchRefused(Failure(FailureClass.TRANSIENT, "container_gone", gone))
    return LaunchUnclear(f"nobody could look whether it runs already: {error}")
