"""The verbs of a backend over the played service, as one process sees them."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

from bydawn.backends.backend import Backend
from bydawn.core.by_key import by_key_alone
from bydawn.core.later import Later
from bydawn.core.sightings import (
    Absent,
    Alive,
    CancelAnswer,
    Capabilities,
    Ended,
    Failure,
    FailureClass,
    FindAnswer,
    Found,
    Guarantee,
    LaunchAnswer,
    Launched,
    LaunchRefused,
    LaunchUnclear,
    Outcome,
    Request,
    ReserveAnswer,
    Reserved,
    Sighting,
    Unknown,
    Vanished,
)
from bydawn.testing.remote import KEY_MS, LATE_MS, NEVER, SETTLE_MS, Asked, Refusal, Remote, Run

_LATER = 0.5
_AMISS = 0.2
# A listing shows a run late, a container what arrived late.
_SETTLES_IN = {
    Guarantee.SEARCHABLE: SETTLE_MS + LATE_MS,
    Guarantee.KEYED: SETTLE_MS + LATE_MS,
    Guarantee.TWO_PHASE: LATE_MS,
}


def capabilities_of(guarantee: Guarantee) -> Capabilities:
    """What a service of this guarantee declares."""
    return Capabilities(
        guarantee,
        local=guarantee is Guarantee.LOCAL_CLAIM,
        settle_ms=_SETTLES_IN.get(guarantee, 0),
    )


@dataclass(slots=True)
class RemoteBackend(Backend):
    """The verbs over the service, as one process sees them."""

    remote: Remote
    name: str = "remote"
    capabilities: Capabilities = field(init=False)

    def __post_init__(self) -> None:
        self.capabilities = capabilities_of(self.remote.guarantee)

    def launch(self, request: Request) -> LaunchAnswer | Later:
        remote, troubles = self.remote, self.remote.troubles
        if remote.guarantee is Guarantee.TWO_PHASE and (known := remote.known(request)):
            return Launched(known[0].handle)  # as all who launch in two calls: they look first
        now = remote.clock.utc_ms()
        payload = json.dumps(request.payload, sort_keys=True)
        remote.requests.append(Asked(now, request.job_id, request.launch_key, payload, remote.era))
        if remote.happens(troubles.refused):
            wait = remote.random.choice((1_000, 20_000, 90_000))
            remote.refusals.append(Refusal(request.job_id, len(remote.requests), now + wait))
            kind = remote.random.choice((FailureClass.HELD, FailureClass.TRANSIENT))
            return LaunchRefused(Failure(kind, "429", "slow down", wait))
        if remote.happens(troubles.not_accepted):
            return LaunchUnclear("503, and nothing was started")
        if not self.capabilities.local and remote.is_late(lambda: remote.take(request)):
            return LaunchUnclear("no answer in time")
        run = remote.accept(request)
        remote.repeat(request)
        if remote.happens(troubles.reply_lost):
            return LaunchUnclear("the connection was reset")
        return Launched(run.handle)

    def reserve(self, request: Request) -> ReserveAnswer:
        del request  # a container is free of whatever it will hold
        remote = self.remote
        if remote.happens(remote.troubles.refused):
            return LaunchRefused(Failure(FailureClass.TRANSIENT, "503", "no room"))
        container = remote.reserve()
        if remote.happens(remote.troubles.reply_lost):
            return LaunchUnclear("the connection was reset")
        return Reserved(container)

    def find(self, request: Request) -> FindAnswer:
        remote = self.remote
        if remote.guarantee is Guarantee.BLIND:
            return Unknown("this service has no listing")
        if not remote.lists:
            remote.met["find:by key alone"] += 1
            return by_key_alone(request, remote.clock.utc_ms(), KEY_MS - LATE_MS)
        if remote.happens(remote.troubles.breaks):
            raise ConnectionError("the listing could not be read to its end")
        now, searchable = remote.clock.boot_ms(), remote.guarantee is Guarantee.SEARCHABLE
        for run in remote.known(request):
            if not searchable or run.visible_at <= now:
                return Found(run.handle)
        return Absent()

    def poll(self, handle: str) -> Sighting:
        remote, run = self.remote, self.remote.runs[handle]
        if remote.happens(remote.troubles.breaks):
            raise ConnectionError("reset")
        now = remote.clock.boot_ms()
        if remote.shows_the_past():
            return Alive(witness="", look_again_ms=500)
        if run.lost_at <= now and (run.cancelled_at or NEVER) > run.lost_at:
            return Vanished("404")
        if run.cancelled_at is not None and run.cancelled_at <= now:
            return self._ended(run, Failure(FailureClass.TRANSIENT, run.why), run.why)
        if now >= run.ends_at:
            return self._ended(run, run.failure, None)
        asking = now >= run.asks_from and not remote.is_kind
        return Alive(
            witness=str(now // 1_000),
            needs_input="which one?" if asking else None,
            look_again_ms=remote.random.randrange(200, 5_000),
        )

    def cancel(self, handle: str, reason: str) -> CancelAnswer:
        remote, run = self.remote, self.remote.runs[handle]
        if remote.happens(remote.troubles.cancel_lost):
            return CancelAnswer(False, "not delivered")
        now = remote.clock.boot_ms()
        if run.over_at > now and run.cancelled_at is None and (not run.stubborn or remote.is_kind):
            run.cancelled_at, run.why = now + remote.random.randrange(1, 3_000), reason
        return CancelAnswer(True)

    def _ended(self, run: Run, failure: Failure | None, stopped: str | None) -> Sighting:
        now = self.remote.clock.utc_ms()
        return Ended(
            Outcome(failure, 0 if failure is None else 1, "null", run.usage, now, now, stopped)
        )


class AnsweringLater(RemoteBackend):
    """The same verbs; some launches are answered later, by themselves: some twice, and some whose
    answer says nothing, never. Its own chances leave those of the service as they are."""

    def __init__(self, remote: Remote, seed: str) -> None:
        super().__init__(remote)
        self._chance = random.Random(f"{seed}/answers").random

    def launch(self, request: Request) -> LaunchAnswer | Later:
        answer = super().launch(request)
        assert not isinstance(answer, Later)
        return Later(partial(self._tell, answer)) if self._chance() < _LATER else answer

    def _tell(self, answer: LaunchAnswer, tell: Callable[[LaunchAnswer], None]) -> None:
        met, chance = self.remote.met, self._chance()
        if isinstance(answer, LaunchUnclear) and chance < _AMISS:
            met["answer:never"] += 1
            return
        tell(answer)
        if chance < _AMISS:
            met["answer:twice"] += 1
            tell(LaunchUnclear("told before"))
        else:
            met["answer:later"] += 1
