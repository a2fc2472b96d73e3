"""Launching in one call: whatever became of it, what was sent is not sent again."""

from __future__ import annotations

from abc import abstractmethod

from bydawn.backends.managed.troubles import Troubled, launch_answer
from bydawn.backends.managed.vendor import VendorBackend, unfit_of
from bydawn.core.sightings import LaunchAnswer, Launched, LaunchUnclear, Request


class InOneCall(VendorBackend):
    """One verb out of one call, which raises Troubled when it fails."""

    @abstractmethod
    def start(self, request: Request) -> str:
        """The handle of the run that was started; empty where the reply had none."""

    def launch(self, request: Request) -> LaunchAnswer:
        if unfit := unfit_of(request):
            return unfit
        try:
            with self.before(request.send_by):
                handle = self.start(request)
        except Troubled as error:
            return launch_answer(error.trouble)
        return Launched(handle) if handle else LaunchUnclear("malformed: the reply names no run")
