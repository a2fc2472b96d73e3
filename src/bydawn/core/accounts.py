"""Where money, tokens and launches are counted: the batch, each capped tag of it, and the day.

An account is a name; its counters hold reserved plus spent. A job remembers the accounts its
attempt was booked on, so that settling it moves exactly those, whatever the plan says by then.
"""

from __future__ import annotations

import json

from bydawn.core.budgets import Amount, has_room
from bydawn.core.model import BatchTerms, Bound

_DAY = "day:"


def account_of_batch(batch: int) -> str:
    return str(batch)


def account_of_tag(batch: int, tag: str) -> str:
    return f"{batch}:{tag}"


def account_of_day(day: str) -> str:
    return f"{_DAY}{day}"


def accounts_of(batch: int, tags: str, terms: BatchTerms, day: str) -> tuple[str, ...]:
    """Every account a job of these tags is booked on; ``tags`` is its JSON object."""
    named = [account_of_batch(batch), account_of_day(day)]
    if terms.tag_bounds and tags != "{}":
        words = (f"{name}={value}" for name, value in json.loads(tags).items())
        named += [account_of_tag(batch, word) for word in words if word in terms.tag_bounds]
    return tuple(named)


def caps_of(batch: int, terms: BatchTerms, day: str) -> dict[str, Bound]:
    """The cap on each account that has one."""
    caps = {
        account_of_tag(batch, tag): bound
        for tag, bound in terms.tag_bounds.items()
        if not bound.is_open
    }
    if not terms.bound.is_open:
        caps[account_of_batch(batch)] = terms.bound
    if terms.per_day_usd_micros is not None:
        caps[account_of_day(day)] = Bound(usd_micros=terms.per_day_usd_micros)
    return caps


def usd_of(account: str) -> str:
    return f"usd:{account}"


def tokens_of(account: str) -> str:
    return f"tokens:{account}"


def launches_of(account: str) -> str:
    return f"launches:{account}"


def booking(accounts: tuple[str, ...], amount: Amount, launches: int) -> dict[str, int]:
    """How booking an amount and some launches moves the counters of the accounts."""
    moved: dict[str, int] = {}
    for account in accounts:
        moved[usd_of(account)] = amount.usd_micros
        moved[tokens_of(account)] = amount.tokens
        moved[launches_of(account)] = launches
    return {name: delta for name, delta in moved.items() if delta}


def fits(
    caps: dict[str, Bound], accounts: tuple[str, ...], used: dict[str, int], amount: Amount
) -> bool:
    """Whether one more launch of this amount stays within every cap; ``used`` by counter name."""
    for account in accounts:
        cap = caps.get(account)
        if cap is None:
            continue
        held = (
            has_room(cap.usd_micros, used.get(usd_of(account), 0), amount.usd_micros)
            and has_room(cap.tokens, used.get(tokens_of(account), 0), amount.tokens)
            and has_room(cap.launches, used.get(launches_of(account), 0), 1)
        )
        if not held:
            return False
    return True
