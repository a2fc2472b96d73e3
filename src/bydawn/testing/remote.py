"""A remote agent service that can do everything real ones do wrong, and remembers the truth.

Its ledger is the independent witness of a simulation: what was really accepted, when it
really lived. Nothing in it is told to the runner but through the four verbs of a backend.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from bydawn.core.clock import Clock
from bydawn.core.sightings import (
    Failure,
    FailureClass,
    Guarantee,
    Request,
    Usage,
)
from bydawn.core.values import value

NEVER = 1 << 60
SETTLE_MS = 4_000
# Where asking twice is answered with the run there is already.
_REPLAY = (Guarantee.KEYED, Guarantee.LOCAL_CLAIM)
_NEVER_FORGETS = (Guarantee.LOCAL_CLAIM, Guarantee.TWO_PHASE)
LATE_MS = 2_000
KEY_MS = 20_000


@value
class Troubles:
    """How often each thing goes wrong, as chances in [0, 1]. ``twice``: a proxy sends a request
    once more, later; ``stale``: an answer is older than one before it; ``forgets_keys``: a key is
    no longer known after a while, though the run can still be found."""

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
    twice: float = 0.0
    stale: float = 0.0
    forgets_keys: float = 0.0


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
    key_until: int = NEVER
    era: int = 0

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
    era: int


@dataclass(slots=True)
class Refusal:
    """A launch that was definitely not accepted: how many were asked for up to it, and until when
    nothing may be tried again."""

    job_id: str
    number: int
    not_before: int


@dataclass(slots=True)
class Remote:
    """All runs there ever were. ``is_kind`` switches off every trouble from now on; ``era`` rises
    whenever the store that asks has gone back."""

    clock: Clock
    random: random.Random
    guarantee: Guarantee
    troubles: Troubles
    longest_ms: int = 30_000
    lists: bool = True
    tells_time: bool = True
    runs: dict[str, Run] = field(default_factory=dict)
    requests: list[Asked] = field(default_factory=list)
    refusals: list[Refusal] = field(default_factory=list)
    containers: list[str] = field(default_factory=list)
    is_kind: bool = False
    era: int = 0
    met: Counter[str] = field(default_factory=Counter)
    on_accepted: Callable[[Request], None] = lambda _: None
    is_late: Callable[[Callable[[], None]], bool] = lambda _: False
    later: Callable[[Callable[[], None]], None] = lambda _: None

    def happens(self, chance: float) -> bool:
        """Drawn even when nothing may happen, so that being kind changes no other draw."""
        drawn = self.random.random() < chance
        return drawn and not self.is_kind

    def of_key(self, launch_key: str) -> list[Run]:
        return [run for run in self.runs.values() if run.launch_key == launch_key]

    def of_job(self, job_id: str) -> list[Run]:
        return [run for run in self.runs.values() if run.job_id == job_id]

    def before(self) -> list[Run]:
        """Those that were started before the store went back the last time."""
        return [run for run in self.runs.values() if run.era < self.era]

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
        now = self.clock.boot_ms()
        known = [run for run in self.known(request) if run.key_until > now]
        if known and self.guarantee in _REPLAY:
            return known[0]
        run = self._new_run(request)
        self.runs[run.handle] = run
        self.on_accepted(request)
        return run

    def lose_local_runs(self) -> None:
        """The machine they lived on started anew."""
        if self.guarantee is Guarantee.LOCAL_CLAIM:
            now = self.clock.boot_ms()
            for run in self.runs.values():
                run.lost_at = min(run.lost_at, max(now, run.started_at))

    def take(self, request: Request) -> None:
        """A request that arrives when nobody waits for its answer any more."""
        self.accept(request)

    def repeat(self, request: Request) -> None:
        """What stands in between may send a request once more, where that is told to do no harm."""
        often = self.troubles.twice
        if often and self.guarantee in _REPLAY and self.happens(often):
            self.met["request:twice"] += 1
            self.later(lambda: self.take(request))

    def shows_the_past(self) -> bool:
        """Whether an answer comes from a copy that has not heard of the end yet."""
        stale = bool(self.troubles.stale) and self.happens(self.troubles.stale)
        self.met["answer:stale"] += stale
        return stale

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
            key_until=now + KEY_MS if self._forgets_key() else NEVER,
            era=self.era,
        )

    def _forgets_key(self) -> bool:
        often = self.troubles.forgets_keys if self.lists or self.tells_time else 0.0
        forgets = bool(often) and self.happens(often)
        # Neither a claim on a disk is ever forgotten, nor what lies in a container.
        forgets = forgets and self.guarantee not in _NEVER_FORGETS
        self.met["key:forgotten"] += forgets
        return forgets

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
