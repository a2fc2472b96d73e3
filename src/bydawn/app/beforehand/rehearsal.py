"""``bydawn rehearse``: the whole plan on the scripted backend in a throwaway store. No side
effects."""

from __future__ import annotations

import contextlib
import dataclasses
import random
import tempfile
from collections.abc import Iterator
from pathlib import Path

from bydawn.backends.scripted import ScriptedBackend
from bydawn.core.model import BatchTerms, JobSpec, Listing
from bydawn.core.states import State
from bydawn.plan import Plan
from bydawn.runner.drive import Drive
from bydawn.runner.runner import Runner
from bydawn.runner.scope import Scope
from bydawn.runner.stopping import Stop
from bydawn.runner.tools import Tools
from bydawn.store import read
from bydawn.store.store import Batch, Store, open_store
from bydawn.testing.virtual import HandWoundClock, InlineDispatcher, SeededChance

_USUAL_MS = 60_000
_DAY_MS = 86_400_000
_FAULTS = ("exit 75", "exit 1", "error 503", "held 600000", "refuse", "vanish", "hang")


@dataclasses.dataclass(slots=True)
class Rehearsed:
    """What the rehearsal came to; the store goes when the block ends."""

    store: Store
    batch: Batch
    stop: Stop
    virtual_ms: int
    is_good: bool


@contextlib.contextmanager
def rehearse(plan: Plan, faults: int | None) -> Iterator[Rehearsed]:
    """Play the plan in virtual time; ``faults`` seeds injected trouble."""
    clock = HandWoundClock()
    with tempfile.TemporaryDirectory(prefix="bydawn-rehearsal-") as folder:
        store = open_store(Path(folder) / "store.db", clock, "rehearsal")
        try:
            batch = _opened(store, plan, clock, faults)
            began = clock.utc_ms()
            stop = _play(store, batch, Path(folder), clock, faults or 0)
            is_good = stop is Stop.JOINED and (faults is not None or _is_clean(store, batch))
            yield Rehearsed(store, batch, stop, clock.utc_ms() - began, is_good)
        finally:
            store.close()


def _is_clean(store: Store, batch: Batch) -> bool:
    """Without injected trouble every job must succeed."""
    return all(job.state == State.SUCCEEDED.value for job in read.jobs(store.session, batch.number))


def _opened(store: Store, plan: Plan, clock: HandWoundClock, faults: int | None) -> Batch:
    chance = random.Random(faults)
    specs = tuple(
        _played(spec, chance if faults is not None else None) for spec in plan.batch.specs
    )
    terms: BatchTerms = dataclasses.replace(plan.batch.terms, deadline=None)
    deadline = None
    if plan.batch.deadline_at is not None:
        deadline = clock.utc_ms() + _DAY_MS
    planned = dataclasses.replace(plan.batch, specs=specs, terms=terms, deadline_at=deadline)
    return store.batch(store.open_batch(planned, Listing(plan.jobs)).number)


def _played(spec: JobSpec, chance: random.Random | None) -> JobSpec:
    """The same job on the scripted backend; its checks, publishes and approvals are left out."""
    takes = spec.usual_ms or _USUAL_MS
    script = [*_troubles(chance), {"takes_ms": takes, "ends": "ok", "result": None}]
    return dataclasses.replace(
        spec,
        backend="scripted",
        payload={"script": script},
        expect=None,
        check=(),
        publish=(),
        approve=False,
        items_from=None,
    )


def _troubles(chance: random.Random | None) -> list[dict[str, object]]:
    if chance is None or chance.random() < 0.5:
        return []
    return [{"takes_ms": chance.randrange(1, _USUAL_MS), "ends": chance.choice(_FAULTS)}]


def _play(store: Store, batch: Batch, folder: Path, clock: HandWoundClock, seed: int) -> Stop:
    tools = Tools(
        clock=clock,
        chance=SeededChance(seed),
        dispatcher=InlineDispatcher(clock),
        backends={"scripted": lambda _: ScriptedBackend(clock)},
        state_folder=folder,
        machine="rehearsal",
        pid=0,
        environment={},
    )
    runner = Runner(store, Scope(store, lambda: [batch.number]), tools, "r_rehearsal")
    runner.start()
    return Drive(runner, until_at=clock.utc_ms() + 30 * _DAY_MS).run()
