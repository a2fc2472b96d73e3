"""Which counters a job holds, and how a change of state moves them.

Every cap is a counter row that is raised in the claim's transaction and lowered in the transaction that
leaves the state it was raised for; so caps hold across runners and machines.
"""

from __future__ import annotations

from bydawn.core.budgets import Amount, charge
from bydawn.core.model import Job
from bydawn.core.sightings import Usage

_NOTHING = Amount()


def slots(batch: int) -> str:
    return f"slots:{batch}"


def pool_slots(pool: str) -> str:
    return f"pool:{pool}"


def pool_rate(pool: str) -> str:
    return f"rate:{pool}"


def usd(batch: int) -> str:
    return f"usd:{batch}"


def tokens(batch: int) -> str:
    return f"tokens:{batch}"


def launches(batch: int) -> str:
    return f"launches:{batch}"


def slot_release(job: Job) -> dict[str, int]:
    """What leaving launching or running gives back."""
    freed = {slots(job.batch): -1}
    if job.pool:
        freed[pool_slots(job.pool)] = -1
    return freed


def settlement(job: Job, usage: Usage | None) -> dict[str, int]:
    """What an ended attempt adds to the spent side; usage None means it was never launched."""
    reserved = Amount(job.reserved_micros, job.reserved_tokens)
    if usage is not None and usage.cost_micros is None and not usage.tokens and reserved == _NOTHING:
        return {}
    spent = Amount() if usage is None else charge(usage, reserved)
    moved = {
        usd(job.batch): spent.usd_micros - reserved.usd_micros,
        tokens(job.batch): spent.tokens - reserved.tokens,
    }
    if usage is None:
        moved[launches(job.batch)] = -1
    return {name: delta for name, delta in moved.items() if delta}
