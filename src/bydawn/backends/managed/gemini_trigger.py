"""Gemini's managed agents by way of a trigger: two calls instead of one, and nothing is lost.

The trigger is the free container; running it once is the launch, and its executions can be listed.
It is made with a date that comes once in years, and deleted when its run is over.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from typing import Any

from bydawn.backends.managed.artifacts import Artifact
from bydawn.backends.managed.endings import ended, moment, tables, with_detail, words
from bydawn.backends.managed.gemini import GeminiAgent, next_token
from bydawn.backends.managed.troubles import Troubled
from bydawn.backends.managed.two_phase import InContainer
from bydawn.core.sightings import (
    Alive,
    CancelAnswer,
    Ended,
    Failure,
    FailureClass,
    Guarantee,
    Request,
    Sighting,
    Usage,
)

# The 29th of February: a trigger that is left behind by a crash stays silent for years.
_SCHEDULE = "0 0 29 2 *"
# Google's names may have slashes in them.
_BETWEEN = "|"
_ENDINGS: Mapping[str, Failure] = {
    "failed": Failure(FailureClass.TRANSIENT, "failed", "the execution failed"),
    "skipped": Failure(FailureClass.TRANSIENT, "skipped", "Google skipped the execution"),
    "timed_out": Failure(FailureClass.TRANSIENT, "timed_out", "Google ended it at its time limit"),
}


class GeminiTriggered(InContainer, GeminiAgent):
    """A handle is ``TRIGGER|EXECUTION|INTERACTION``; the last is empty where the launch's answer
    did not tell it yet."""

    guarantee = Guarantee.TWO_PHASE

    def make(self, request: Request) -> str:
        """One that an earlier, unanswered call made is taken: none is left to its own devices."""
        return self._trigger_of(request.launch_key) or self._new(request)

    def start(self, request: Request) -> str:
        trigger = request.container
        seen = self.ask(lambda it: it.triggers.with_raw_response.run(trigger_id=trigger))
        return _handle(trigger, seen)

    def started(self, container: str) -> str:
        """A trigger is run once; should there be more executions, the first is ours."""
        executions = self._executions(container)
        first = min(executions, key=lambda one: words(one.get("start_time")), default={})
        return _handle(container, first)

    def look(self, handle: str) -> Sighting:
        trigger, execution, interaction = _parts(handle)
        if not interaction:
            return self._look_through(trigger, execution)
        seen = super().look(interaction)
        if isinstance(seen, Ended):
            self._tidy(trigger)
        return seen

    def cancel(self, handle: str, reason: str) -> CancelAnswer:
        try:
            interaction = self._interaction(handle)
        except Troubled as error:
            return CancelAnswer(False, str(error))
        if not interaction:
            return CancelAnswer(False, "Google does not name its interaction yet")
        return super().cancel(interaction, reason)

    def output(self, handle: str) -> tuple[str | None, Sequence[Artifact]]:
        return super().output(self._interaction(handle))

    def _new(self, request: Request) -> str:
        seen = self.ask(
            lambda it: it.triggers.with_raw_response.create(
                schedule=_SCHEDULE,
                time_zone="UTC",
                display_name=request.launch_key,
                interaction=self.interaction(request),
                execution_timeout_seconds=-(-(request.timeout_ms + request.grace_ms) // 1_000),
                max_consecutive_failures=1,
            )
        )
        return words(seen.get("id"))

    def _trigger_of(self, launch_key: str) -> str:
        """The trigger of this launch, if an earlier call made it. Those of older generations of the
        job are of no use any more, and are taken away."""
        family = launch_key.rpartition("-")[0]
        found = ""
        for one in self._triggers():
            name = words(one.get("display_name"))
            if name == launch_key:
                found = words(one.get("id"))
            elif name.rpartition("-")[0] == family:
                self._tidy(words(one.get("id")))
        return found

    def _triggers(self) -> list[Mapping[str, Any]]:
        pages = self.pages(
            lambda it, **page: it.triggers.with_raw_response.list(**page), next_token
        )
        return [one for seen in pages for one in tables(seen.get("triggers"))]

    def _executions(self, trigger: str) -> list[Mapping[str, Any]]:
        pages = self.pages(
            lambda it, **page: it.triggers.with_raw_response.list_executions(
                trigger_id=trigger, **page
            ),
            next_token,
        )
        return [one for seen in pages for one in tables(seen.get("trigger_executions"))]

    def _look_through(self, trigger: str, wanted: str) -> Sighting:
        """By way of the execution, until that names the interaction it started."""
        executions = self._executions(trigger)
        execution = next((one for one in executions if one.get("id") == wanted), {})
        interaction = words(execution.get("interaction_id"))
        if interaction:
            return super().look(interaction)
        failure = _ENDINGS.get(words(execution.get("status")))
        if failure is None:
            return Alive(raw=words(execution.get("status")) or "unknown")
        told = with_detail(failure, words(execution.get("error")))
        return ended(told, None, Usage(), ended_at=moment(execution.get("end_time")))

    def _interaction(self, handle: str) -> str:
        trigger, wanted, interaction = _parts(handle)
        if interaction:
            return interaction
        execution = next((one for one in self._executions(trigger) if one.get("id") == wanted), {})
        return words(execution.get("interaction_id"))

    def _tidy(self, trigger: str) -> None:
        """A trigger whose run is over is of no use; one that stays behind does no harm for
        years."""
        with contextlib.suppress(Troubled):
            self.tell(lambda it: it.triggers.with_raw_response.delete(id=trigger))


def _handle(trigger: str, execution: Mapping[str, Any]) -> str:
    if not words(execution.get("id")):
        return ""
    return _BETWEEN.join((trigger, words(execution["id"]), words(execution.get("interaction_id"))))


def _parts(handle: str) -> tuple[str, str, str]:
    """What is no handle of ours names a trigger nobody has."""
    trigger, execution, interaction = [*handle.split(_BETWEEN), "", ""][:3]
    return trigger, execution, interaction
