"""A store put back to an older state: what was launched since, it does not know."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from bydawn.core.model import Job, JobSpec, OnDoubt
from bydawn.core.sightings import FailureClass, Guarantee
from bydawn.core.states import Event
from bydawn.core.verdicts import safe_to_repeat

# More than are ever given out between a backup and its return: where the clock was set back.
_FAR = 1 << 32
# Faster than any store gives them out, and for two centuries a whole number that JSON can carry.
_TOKENS_A_MS = 1 << 10

UNKNOWN_SINCE = "the store was put back to an older state; what ran since is not known"
_PUT_BACK = Event.PUT_BACK.value
# What a job carries from then on, until it has succeeded or a person has decided.
MARKED: dict[str, Any] = {
    "error_class": FailureClass.AMBIGUOUS.value,
    "error_code": _PUT_BACK,
    "error_message": UNKNOWN_SINCE,
}


def was_put_back(job: Job) -> bool:
    """Whether a later run of this job may live that the store does not know."""
    return job.error_code == _PUT_BACK


def tokens_ahead(given_out: int, now: int) -> int:
    """How far a sequence goes on to be beyond all that was given out since: also to those who had
    put the same backup back before. No further, or the next return of that backup comes short."""
    by_clock = now * _TOKENS_A_MS - given_out
    return by_clock if by_clock > 0 else _FAR


def may_go_on(spec: JobSpec, guarantee: str | None, is_met_here: bool) -> bool:
    """Whether launching once more meets the run there may be, or the plan says to go on anyway. A
    service that knows keys is no exception: a launch that it refused the first time it may take
    now, beside the one that came after."""
    if guarantee == Guarantee.LOCAL_CLAIM:
        return is_met_here or safe_to_repeat(spec)
    return spec.on_doubt is OnDoubt.RELAUNCH


def is_unbroken(generation: int, claimed: Iterable[int]) -> bool:
    """Whether whoever goes on from this generation meets every claim that was made since, one
    after the other. A launch that was refused left none: made now, it would be beside the next."""
    since = {number for number in claimed if number >= generation}
    return len(since) == max(since, default=generation - 1) - generation + 1
