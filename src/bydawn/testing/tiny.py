"""The smallest nights: one or two jobs, two runners, one or two kinds of trouble.

Each is one order of steps and faults, played in a few milliseconds: what takes a common fault at an
odd moment is found by their number.
"""

from __future__ import annotations

import dataclasses
import random
from typing import Any

from bydawn.core.model import Backoff, BatchTerms, Bound, JobSpec, Limits, Publication
from bydawn.core.sightings import Guarantee
from bydawn.testing.finishing import FILES, SOURCE
from bydawn.testing.nights import COST, Night, night_of
from bydawn.testing.remote import Troubles
from bydawn.testing.targets import BRANCH, FILE, TABLE

_LEASE_MS = 6_000
_TROUBLES = ("reply_lost", "not_accepted", "refused", "breaks", "loses_run", "fails", "cancel_lost",
             "twice", "stale", "forgets_keys", "silent_meter")  # fmt: skip
_OBSTACLES = ("gate_fails", "receipt_lost", "arrives_late", "check_lost")
_STORE = ("busy", "unknown_kept", "unknown_lost", "again")
_RATES = {"crash": 0.25, "pause": 1.0, "stalls": 1.0, "hesitates": 1.0}
_COUNTS = ("people", "suspends", "reboots", "backups")
_GROUPS = (
    ("troubles", _TROUBLES, 1.0),
    ("obstacles", _OBSTACLES, 1.0),
    ("store", _STORE, 0.25),
)
_ALL = (*_TROUBLES, *_OBSTACLES, *_STORE, *_RATES, *_COUNTS)


def tiny_of(seed: int) -> Night:
    """Draw one of them."""
    chance = random.Random(f"{seed}/tiny")
    specs = tuple(_spec(spec, chance) for spec in night_of(seed).specs[: chance.choice((1, 1, 2))])
    night = Night(
        seed=seed,
        guarantee=chance.choice(tuple(Guarantee)),
        troubles=Troubles(),
        specs=specs,
        terms=BatchTerms(parallel=2, lease_ms=_LEASE_MS, bound=Bound(usd_micros=COST * 4)),
        lasts_ms=12_000,
        longest_ms=4_000,
        latency_ms=chance.choice((1, 50, 1_000)),
        sees_deaths=chance.random() < 0.5,
    )
    for name in chance.sample(_ALL, chance.choice((1, 1, 2))):
        night = _with(night, name, chance)
    return night


def _with(night: Night, name: str, chance: random.Random) -> Night:
    """The same night with one kind of trouble."""
    often = chance.choice((0.1, 0.3, 0.6))
    for group, names, share in _GROUPS:
        if name in names:
            one: Any = {name: often * share}
            changed: Any = {group: dataclasses.replace(getattr(night, group), **one)}
            return dataclasses.replace(night, **changed)
    how: Any = {name: chance.choice((1, 2)) if name in _COUNTS else often * _RATES[name]}
    return dataclasses.replace(night, **how)


def _spec(spec: JobSpec, chance: random.Random) -> JobSpec:
    target = chance.choice((None, None, FILE, TABLE, BRANCH))
    return dataclasses.replace(
        spec, after=(), approve=False, check=(), pool=None, publish=_published(spec.id, target),
        limits=Limits(timeout_ms=15_000, grace_ms=1_000), backoff=Backoff(200, 1_000),
    )  # fmt: skip


def _published(job: str, kind: str | None) -> tuple[Publication, ...]:
    if kind is None:
        return ()
    if kind == BRANCH:
        return (Publication(FILES, BRANCH, "origin", job),)
    return (Publication(SOURCE, kind, job),)
