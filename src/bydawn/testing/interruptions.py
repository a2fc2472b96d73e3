"""A remote whose launches are interrupted, each with the same chance, at every phase of a run.

What is drawn is an interruption of the launch, so a loop that tries once loses just that share.
"""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import dataclass, field
from enum import StrEnum

from bydawn.backends.backend import Backend
from bydawn.core.later import Later
from bydawn.core.sightings import (
    CancelAnswer,
    Capabilities,
    Ended,
    Failure,
    FailureClass,
    FindAnswer,
    LaunchAnswer,
    Launched,
    LaunchRefused,
    LaunchUnclear,
    Request,
    ReserveAnswer,
    Sighting,
)
from bydawn.testing.remote import NEVER, Refusal, Remote, Run
from bydawn.testing.remote_backend import RemoteBackend


class Phase(StrEnum):
    """Where a run is interrupted."""

    RATE = "429 with Retry-After"
    OVERLOAD = "503, not started"
    TIMED_OUT = "time-out, nothing started"
    REPLY_LOST = "started, the reply lost"
    BLIND_LOOKS = "started, the reply lost, looking for it drops too"
    DROPPED = "looks at it drop"
    RESTARTED = "its sandbox is restarted"
    FORGOTTEN = "the remote forgets it"
    END_LOST = "the first word of its end drops"


RESTART = Failure(FailureClass.TRANSIENT, "sandbox_restart", "the sandbox was restarted")
_WAIT_MS = (5_000, 30_000, 120_000)


@dataclass(slots=True)
class InterruptedBackend(Backend):
    """The verbs of ``RemoteBackend`` with ``share`` of all launches interrupted. ``met`` counts."""

    remote: Remote
    chance: random.Random
    share: float
    name: str = "remote"
    met: Counter[Phase] = field(default_factory=Counter)
    capabilities: Capabilities = field(init=False)
    _inner: RemoteBackend = field(init=False)
    _drops: Counter[str] = field(default_factory=Counter)
    _end_drops: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self._inner = RemoteBackend(self.remote)
        self.capabilities = self._inner.capabilities

    def launch(self, request: Request) -> LaunchAnswer | Later:
        if self.chance.random() >= self.share:
            return self._inner.launch(request)
        phase = self.chance.choice(list(Phase))
        self.met[phase] += 1
        if phase in (Phase.RATE, Phase.OVERLOAD):
            return self._refused(request, phase)
        if phase is Phase.TIMED_OUT:
            return LaunchUnclear("timed out")
        return self._started(request, phase)

    def find(self, request: Request) -> FindAnswer:
        self._drop(request.launch_key)
        return self._inner.find(request)

    def poll(self, handle: str) -> Sighting:
        self._drop(handle)
        sighting = self._inner.poll(handle)
        if isinstance(sighting, Ended) and handle in self._end_drops:
            self._end_drops.discard(handle)
            raise ConnectionError("reset while the end was told")
        return sighting

    def cancel(self, handle: str, reason: str) -> CancelAnswer:
        return self._inner.cancel(handle, reason)

    def reserve(self, request: Request) -> ReserveAnswer:
        return self._inner.reserve(request)

    def _drop(self, name: str) -> None:
        if self._drops[name]:
            self._drops[name] -= 1
            raise ConnectionError("reset")

    def _refused(self, request: Request, phase: Phase) -> LaunchAnswer:
        if phase is Phase.OVERLOAD:
            return LaunchRefused(Failure(FailureClass.TRANSIENT, "503", "overloaded"))
        wait = self.chance.choice(_WAIT_MS)
        until = self.remote.clock.utc_ms() + wait
        self.remote.refusals.append(Refusal(request.job_id, len(self.remote.requests), until))
        return LaunchRefused(Failure(FailureClass.HELD, "429", "slow down", wait))

    def _started(self, request: Request, phase: Phase) -> LaunchAnswer:
        answer = self._inner.launch(request)
        assert isinstance(answer, Launched), "the remote below has no troubles of its own"
        self._spoil(self.remote.runs[answer.handle], phase)
        if phase is Phase.BLIND_LOOKS:
            self._drops[request.launch_key] = 2
        if phase in (Phase.REPLY_LOST, Phase.BLIND_LOOKS):
            return LaunchUnclear("the connection was reset")
        return answer

    def _spoil(self, run: Run, phase: Phase) -> None:
        if phase is Phase.DROPPED:
            self._drops[run.handle] = 3
        elif phase is Phase.END_LOST:
            self._end_drops.add(run.handle)
        elif phase in (Phase.RESTARTED, Phase.FORGOTTEN):
            interrupt(run, self.chance, is_forgotten=phase is Phase.FORGOTTEN)


def interrupt(run: Run, chance: random.Random, is_forgotten: bool, after: int = 0) -> None:
    """End a run somewhere in what is left of it: with a word about it, or without a trace."""
    begin = max(run.started_at, after)
    at = chance.randrange(begin, max(begin + 1, run.ends_at))
    if is_forgotten:
        run.lost_at = at
    else:
        run.ends_at, run.failure = at, RESTART


def tokens_of(run: Run, now: int) -> int:
    """What a run really used by then: a token for each millisecond it lived."""
    end = min(run.over_at, now)
    assert end < NEVER
    return max(0, end - run.started_at)
