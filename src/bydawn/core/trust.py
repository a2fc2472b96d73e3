"""Stages of trust: rehearsed, then watched, then left alone at night; an incident leads back.

What has earned trust is a plan as it is written: its jobs and its terms. Items, dates and how many
run at once may change from night to night.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable

from bydawn.core.keys import digest
from bydawn.core.model import BatchTerms, JobSpec
from bydawn.core.values import value


@value
class Trust:
    """Where a plan stands. ``clean_nights`` are watched ones, counted since the last incident."""

    rehearsed_at: int | None = None
    clean_nights: int = 0
    incident_at: int | None = None


@value
class Autonomy:
    """Where a plan that must earn it stands, and what it still owes."""

    trust: Trust
    watched_runs: int
    missing: list[str]


def trust_fingerprint(specs: Iterable[JobSpec], terms: BatchTerms) -> str:
    """The name of a plan as it is written, in whatever order its jobs are."""
    jobs = sorted((dataclasses.asdict(spec) for spec in specs), key=lambda each: str(each["id"]))
    said = dataclasses.asdict(dataclasses.replace(terms, parallel=1, deadline=None))
    return digest([jobs, said])


def missing(trust: Trust, watched_runs: int) -> list[str]:
    """What a plan still owes before it may run unattended; nothing when it has earned it."""
    owed = [] if trust.rehearsed_at is not None else ["it has not been rehearsed"]
    if trust.clean_nights < watched_runs:
        since = " since the last incident" if trust.incident_at is not None else ""
        owed.append(f"{trust.clean_nights} of {watched_runs} watched nights were clean{since}")
    return owed
