"""A remote agent service that can do everything real ones do wrong, and remembers the truth.

Its ledger is the independent witness of a simulation: what was really accepted, when it
really lived. Nothing in it is told to the runner but through the four verbs of a backend.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from dataclasses import dataclass, field

from bydawn.backends.backend import Backend
from bydawn.core.clock import Clock
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
    Usage,
    Vanished,
)
from bydawn.core.values import value

NEVER = 1 << 60
SETTLE_MS = 4_000
# Where asking twice is answered with the run there is already.
_REPLAY = (Guarantee.KEYED, Guarantee.LOCAL_CLAIM, Guarantee.TWO_PHASE)
LATE_MS = 2_000


@value
class Troubles:
    """How often each thing goes wrong, as chances in [0, 1]."""

    reply_lost: float = 0.0
    not_accepted: float = 0.0
    refused: float = 0.0
    forbidden: float = 0.0
    breaks: float = 0.0
    loses_run: float = 0.0
    fails: float = 0.0
    fails_for_good: float = 0.0
    hangs: float = 0.0
    stubborn: float = 0.0
    asks: float = 0.0
    silent_meter: float = 0.0
    cancel_lost: float = 0.0


@dataclass(slots=True)
class Run:
    """One run as it really is. ``lost_at`` is when the service forgot it."""

    handle: str
    launch_key: str
    job_id: str
    generation: int
    started_at: int
    ends_at: int
    visible_at: int
    failure: Failure | None
    usage: Usage
    stubborn: bool = False
    asks_from: int = NEVER
    lost_at: int = NEVER
    cancelled_at: int | None = None
    why: str = ""
    container: str = ""

    @property
    def over_at(self) -> int:
        """When nothing of it lived any more."""
        found = self.ends_at if self.cancelled_at is None else min(self.ends_at, self.cancelled_at)
        return min(found, self.lost_at)


@dataclass(slots=True)
class Asked:
    """A launch as it reached the service, accepted or not."""

    at: int
    job_id: str
    launch_key: str
    payload: str


@dataclass(slots=True)
class Refusal:
    """A launch that was definitely not accepted: how many were asked for up to it, and until when
    nothing may be tried again."""

    job_id: str
    number: int
    not_before: int


@dataclass(slots=True)
class Remote:
    """All runs there ever were. ``is_kind`` switches off every trouble from now on."""

    clock: Clock
    random: random.Random
    guarantee: Guarantee
    troubles: Troubles
    longest_ms: int = 30_000
    runs: dict[str, Run] = field(default_factory=dict)
    requests: list[Asked] = field(default_factory=list)
    refusals: list[Refusal] = field(default_factory=list)
    containers: list[str] = field(default_factory=list)
    is_kind: bool = False
    on_accepted: Callable[[Request], None] = lambda _: None
    is_late: Callable[[Callable[[], None]], bool] = lambda _: False

    def happens(self, chance: float) -> bool:
        """Drawn even when nothing may happen, so that being kind changes no other draw."""
        drawn = self.random.random() < chance
        return drawn and not self.is_kind

    def of_key(self, launch_key: str) -> list[Run]:
        return [run for run in self.runs.values() if run.launch_key == launch_key]

    def known(self, request: Request) -> list[Run]:
        """What the service finds under the name it has for a launch: its key, or its container."""
        runs = self.of_key(request.launch_key)
        if self.guarantee is Guarantee.TWO_PHASE:
            return [run for run in runs if run.container == request.container]
        return runs

    def reserve(self) -> str:
        """A free container: one too many costs nothing."""
        self.containers.append(f"box-{len(self.containers) + 1}")
        return self.containers[-1]

    def accept(self, request: Request) -> Run:
        """Start a run, or give back the one of this key where the service knows keys."""
        known = self.known(request)
        if known and self.guarantee in _REPLAY:
            return known[0]
        run = self._new_run(request)
        self.runs[run.handle] = run
        self.on_accepted(request)
        return run

    def take(self, request: Request) -> None:
        """A request that arrives when nobody waits for its answer any more."""
        self.accept(request)

    def _new_run(self, request: Request) -> Run:
        now, troubles = self.clock.boot_ms(), self.troubles
        ends_at = now + self.random.randrange(1, self.longest_ms)
        asks = now + self.random.randrange(1, self.longest_ms)
        return Run(
            handle=f"run-{len(self.runs) + 1}",
            launch_key=request.launch_key,
            job_id=request.job_id,
            generation=int(request.launch_key.rpartition("-")[2]),
            started_at=now,
            ends_at=NEVER if self.happens(troubles.hangs) else ends_at,
            visible_at=now + self.random.randrange(SETTLE_MS // 2, SETTLE_MS),
            failure=self._failure(),
            usage=self._usage(request),
            stubborn=self.happens(troubles.stubborn),
            asks_from=asks if self.happens(troubles.asks) else NEVER,
            lost_at=asks if self.happens(troubles.loses_run) else NEVER,
            container=request.container,
        )

    def _failure(self) -> Failure | None:
        fails = self.happens(self.troubles.fails)
        for_good = self.happens(self.troubles.fails_for_good)
        forbidden = self.happens(self.troubles.forbidden)
        if for_good:
            return Failure(FailureClass.PERMANENT, "404", "no such thing")
        if forbidden:
            return Failure(FailureClass.AUTH, "401", "who are you?")
        return Failure(FailureClass.TRANSIENT, "exit_1", "trouble") if fails else None

    def _usage(self, request: Request) -> Usage:
        most = request.budget_usd_micros if request.budget_usd_micros is not None else 1_000
        usd = self.random.randrange(0, most + 1)
        silent = self.happens(self.troubles.silent_meter)
        return Usage() if silent else Usage({"input_tokens": 3, "output_tokens": 2}, usd)


def capabilities_of(guarantee: Guarantee) -> Capabilities:
    """What a service of this guarantee declares."""
    settles = guarantee in (Guarantee.SEARCHABLE, Guarantee.KEYED)
    settle = SETTLE_MS + LATE_MS if settles else 0
    return Capabilities(guarantee, local=guarantee is Guarantee.LOCAL_CLAIM, settle_ms=settle)


@dataclass(slots=True)
class RemoteBackend(Backend):
    """The verbs over the service, as one process sees them."""

    remote: Remote
    name: str = "remote"
    capabilities: Capabilities = field(init=False)

    def __post_init__(self) -> None:
        self.capabilities = capabilities_of(self.remote.guarantee)

    def launch(self, request: Request) -> LaunchAnswer:
        remote, troubles = self.remote, self.remote.troubles
        now = remote.clock.utc_ms()
        payload = json.dumps(request.payload, sort_keys=True)
        remote.requests.append(Asked(now, request.job_id, request.launch_key, payload))
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
