"""Which counters a job holds, and how a change of state moves them.

Every cap is a counter row that is raised in the claim's transaction and lowered in the transaction
that leaves the state it was raised for; so caps hold across runners and machines.
"""

from __future__ import annotations

import json
from functools import lru_cache

from bydawn.core.accounts import booking
from bydawn.core.budgets import UNMETERED, Amount, charge
from bydawn.core.model import Job
from bydawn.core.sightings import Usage


@lru_cache(maxsize=64)
def slots(batch: int) -> str:
    return f"slots:{batch}"


def pool_slots(pool: str) -> str:
    return f"pool:{pool}"


def pool_rate(pool: str) -> str:
    return f"rate:{pool}"


def started_as_canary(batch: int) -> str:
    return f"canary:{batch}"


@lru_cache(maxsize=64)
def succeeded(batch: int) -> str:
    return f"succeeded:{batch}"


def retries(batch: int) -> str:
    return f"retries:{batch}"


def own_places(runner: str) -> str:
    return f"own:{runner}"


def slot_change(job: Job, by: int) -> dict[str, int]:
    """What leaving launching or running gives back, and a parked run that goes on takes again."""
    changed = {slots(job.batch): by}
    if job.pool:
        changed[pool_slots(job.pool)] = by
    return changed


def settlement(job: Job, usage: Usage | None) -> dict[str, int]:
    """What an ended attempt adds to the spent side; usage None means it was never launched."""
    reserved = Amount(job.reserved_micros, job.reserved_tokens)
    spent = Amount() if usage is None else charge(usage, reserved)
    if spent == reserved and usage is not None:
        return {}
    moved = Amount(spent.usd_micros - reserved.usd_micros, spent.tokens - reserved.tokens)
    accounts = tuple(json.loads(job.accounts)) if job.accounts else ()
    return booking(accounts, moved, -1 if usage is None else 0)


def is_free(job: Job, usage: Usage) -> bool:
    """Nothing was set aside and nothing was used: there is nothing to settle."""
    return not (job.reserved_micros or job.reserved_tokens or usage.cost_micros or usage.tokens)


def remember_unmetered(job: Job, usage: Usage) -> None:
    """A silent meter is charged its reservation, on the job as on its batch, so that no retry and
    no report takes that money for unspent."""
    if usage.cost_micros is None and job.reserved_micros:
        job.cost_micros = (job.cost_micros or 0) + job.reserved_micros
    if not usage.tokens and job.reserved_tokens:
        total: dict[str, int] = json.loads(job.usage) if job.usage else {}
        total[UNMETERED] = total.get(UNMETERED, 0) + job.reserved_tokens
        job.usage = json.dumps(total, sort_keys=True)
