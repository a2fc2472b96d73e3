"""The invariants of counters and caps, checked after every commit: counters equal a recount of the
rows, and no cap is exceeded."""

from __future__ import annotations

import functools
import json
from collections import Counter
from collections.abc import Callable, Mapping
from datetime import UTC

from bydawn.core import counting
from bydawn.core.accounts import accounts_of, caps_of, launches_of, tokens_of, usd_of
from bydawn.core.budgets import total_tokens
from bydawn.core.editions import logical_day
from bydawn.core.model import BatchTerms, Job
from bydawn.core.states import HELD, SLOTTED, State
from bydawn.store import counters
from bydawn.store.store import Store
from bydawn.testing.invariants import all_jobs, demand, journal


def check_now(store: Store, keys: Mapping[str, str], terms: BatchTerms, batch: int) -> None:
    """Counters equal a recount of the rows, and no cap is exceeded (I1, I8)."""
    jobs = all_jobs(store, batch, keys)
    used = counters.all_used(store.session)
    slotted = [job for job in jobs if State(job.state) in SLOTTED]
    check_places(slotted, terms, lambda: _surfaced(store, batch))
    day = _day(store.session.clock.utc_ms() // 60_000)
    counted = {
        counting.slots(batch): len(slotted),
        counting.pool_slots("p"): sum(1 for job in slotted if job.pool == "p"),
        **_booked(jobs, terms, batch, day),
    }
    for name, count in counted.items():
        says = used.get(name, 0)
        demand(says == count, "counters", f"{name} says {says}, a recount {count}")
    check_caps(used, batch, terms, day)
    for job in jobs:
        may_spend = State(job.state) in HELD - {State.FINISHING}
        demand(may_spend or not job.reserved_micros, "I8", f"{job.name} is {job.state}, reserved")


def check_caps(used: Mapping[str, int], batch: int, terms: BatchTerms, day: str) -> None:
    """I8 for money and launches, of the batch, its tags and the day."""
    for account, bound in caps_of(batch, terms, day).items():
        caps = {usd_of(account): bound.usd_micros, launches_of(account): bound.launches}
        for name, cap in caps.items():
            says = used.get(name, 0)
            good = cap is None or says <= cap
            demand(good, "I8", f"{name}: {says} are reserved and spent, the cap is {cap}")


def check_places(slotted: list[Job], terms: BatchTerms, surfaced: Callable[[], set[str]]) -> None:
    """I8 for places: no more at a time than the batch, and each of its pools, has. A parked run
    gave its place back; one that went on by itself takes what there is, full or not."""
    pools = [(f"pool {pool.name}", pool.name, pool.parallel) for pool in terms.pools]
    for what, name, places in (("parallel", None, terms.parallel), *pools):
        taken = [job.name for job in slotted if name is None or job.pool == name]
        if places is None or len(taken) <= places:
            continue
        launched = set(taken) - surfaced()
        demand(len(launched) <= places, "I8", f"{what} is {places}, and {taken} take a place")


def _surfaced(store: Store, batch: int) -> set[str]:
    """Jobs whose newest run went on by itself after it was parked."""
    found: set[str] = set()
    for event in journal(store, batch):
        if event.kind == "surfaced" and event.job:
            found.add(event.job)
        elif event.kind == "intended":
            found.discard(event.job or "")
    return found


def _booked(jobs: list[Job], terms: BatchTerms, batch: int, day: str) -> dict[str, int]:
    """What every account must hold, by the rows; a night is too short for a second day."""
    booked: Counter[str] = Counter()
    for job in jobs:
        usd = job.reserved_micros + (job.cost_micros or 0)
        for account in accounts_of(batch, job.tags, terms, day):
            booked[usd_of(account)] += usd
            booked[tokens_of(account)] += job.reserved_tokens + _tokens(job.usage)
    return booked


@functools.lru_cache(maxsize=256)
def _tokens(usage: str | None) -> int:
    return total_tokens(json.loads(usage)) if usage else 0


@functools.lru_cache(maxsize=16)
def _day(minute: int) -> str:
    return logical_day(minute * 60_000, UTC, 0).isoformat()
