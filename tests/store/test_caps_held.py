"""Sixteen runners on one cap: at every launch reserved plus spent stays within it, whenever and
whether the meters speak."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from filling import fill, spec

from bydawn.core.accounts import account_of_batch, launches_of, usd_of
from bydawn.core.model import Bound, Effects
from bydawn.core.sightings import (
    Alive,
    CancelAnswer,
    Capabilities,
    Ended,
    FindAnswer,
    Found,
    Guarantee,
    LaunchAnswer,
    Launched,
    Outcome,
    Request,
    Sighting,
    Usage,
)
from bydawn.runner.runner import Runner
from bydawn.runner.scope import Scope
from bydawn.runner.tools import Tools
from bydawn.store import counters, read
from bydawn.store.store import Store
from bydawn.testing.virtual import HandWoundClock, InlineDispatcher, SeededChance

pytestmark = pytest.mark.wide

RUNNERS = 16
CAP = 20_000
LAUNCHES = 30
BOUNDS = (100, 900, 1_700, 2_500, 6_000)


@dataclass
class Meter:
    """Runs of random length and cost. A third are over when their launch answers, a third of the
    meters never speak. ``seen`` and ``launches`` are what the store says at every launch."""

    store: Store
    batch: int
    clock: HandWoundClock
    chance: random.Random
    name: str = "scripted"
    capabilities: Capabilities = field(default_factory=lambda: Capabilities(Guarantee.KEYED))
    seen: list[int] = field(default_factory=list)
    launches: list[int] = field(default_factory=list)
    cancelled: list[str] = field(default_factory=list)
    ends: dict[str, tuple[int, Usage]] = field(default_factory=dict)

    def launch(self, request: Request) -> LaunchAnswer:
        account = account_of_batch(self.batch)
        self.seen.append(counters.used(self.store.session, usd_of(account)))
        self.launches.append(counters.used(self.store.session, launches_of(account)))
        handle = request.launch_key
        bound = request.budget_usd_micros
        assert bound is not None
        cost = None if self.chance.random() < 0.33 else self.chance.randrange(bound + 1)
        wait = 0 if self.chance.random() < 0.33 else self.chance.randrange(1, 60_000)
        self.ends[handle] = self.clock.boot_ms() + wait, Usage({}, cost)
        return Launched(handle, None if wait else self.poll(handle))

    def find(self, request: Request) -> FindAnswer:
        return Found(request.launch_key)

    def poll(self, handle: str) -> Sighting:
        at, usage = self.ends[handle]
        if self.clock.boot_ms() < at:
            return Alive(look_again_ms=at - self.clock.boot_ms())
        return Ended(Outcome(exit_code=0, usage=usage))

    def cancel(self, handle: str, reason: str) -> CancelAnswer:
        self.cancelled.append(f"{handle}: {reason}")
        return CancelAnswer(False)

    def close(self) -> None:
        """Nothing is held."""


def runner_of(store: Store, meter: Meter, number: int, folder: Path) -> Runner:
    tools = Tools(
        clock=meter.clock, chance=SeededChance(number), dispatcher=InlineDispatcher(meter.clock),
        backends={"scripted": lambda _: meter}, state_folder=folder, machine=f"m_{number}",
        pid=number, environment={}, look_ms=500,
    )  # fmt: skip
    made = Runner(store, Scope(store, lambda: [meter.batch]), tools, f"r_{number}")
    made.start()
    return made


@pytest.mark.parametrize("seed", range(2))
def test_sixteen_runners_never_pass_the_cap(
    open_one: Callable[[], Store], clock: HandWoundClock, tmp_path: Path, seed: int
) -> None:
    store, chance = open_one(), random.Random(seed)
    specs = [
        spec(f"j{number}", bound=Bound(usd_micros=bound), effects=Effects.NONE)
        for number, bound in enumerate(BOUNDS)
    ]
    cap = Bound(usd_micros=CAP, launches=LAUNCHES)
    batch = fill(store, *specs, count=12, parallel=20, bound=cap)
    meter = Meter(store, batch, clock, chance)
    runners = [runner_of(open_one(), meter, number, tmp_path) for number in range(RUNNERS)]
    for _ in range(600):
        chance.choice(runners).turn()
        clock.wind(chance.randrange(1_500))
    for runner in runners * 3:
        runner.turn()
        clock.wind(6_000)
    jobs = list(read.jobs(store.session, batch))
    assert sum(job.reserved_micros + (job.cost_micros or 0) for job in jobs) == counters.used(
        store.session, usd_of(account_of_batch(batch))
    )
    assert max(meter.seen) <= CAP
    assert max(meter.launches) <= LAUNCHES
    assert meter.cancelled == []
    assert len(meter.seen) >= 5
    assert max(meter.seen) > CAP // 2, "the cap must have been felt for this to prove anything"
