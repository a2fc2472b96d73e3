"""A night that went wrong, made smaller: every trouble and every job that it goes wrong without is
left out."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from typing import Any

from bydawn.testing.nights import Night

_TROUBLES = ("troubles", "obstacles", "store")
_COUNTS = (
    "people",
    "jumps",
    "suspends",
    "reboots",
    "backups",
    "crash",
    "pause",
    "stalls",
    "hesitates",
)


def shrunk(night: Night, goes_wrong: Callable[[Night], bool], tries: int = 200) -> Night:
    """The smallest night on the way of single steps that still goes wrong."""
    while tries > 0:
        smaller = _first_that(goes_wrong, _simpler(night), tries)
        if smaller is None:
            return night
        night, used = smaller
        tries -= used
    return night


def _first_that(
    goes_wrong: Callable[[Night], bool], nights: Iterator[Night], tries: int
) -> tuple[Night, int] | None:
    for count, night in enumerate(nights, start=1):
        if goes_wrong(night):
            return night, count
        if count >= tries:
            break
    return None


def _simpler(night: Night) -> Iterator[Night]:
    """The same night with one thing less."""
    for number in reversed(range(len(night.specs))):
        specs = night.specs[:number] + night.specs[number + 1 :]
        known = {spec.id for spec in specs}
        if specs and all(set(spec.after) <= known for spec in specs):
            yield dataclasses.replace(night, specs=specs)
    if night.runners > 1:
        yield dataclasses.replace(night, runners=1)
    if len(night.machines) > 1:
        yield dataclasses.replace(night, machines=night.machines[:1])
    for name in _COUNTS:
        if getattr(night, name):
            none: Any = {name: 0}
            yield dataclasses.replace(night, **none)
    for group in _TROUBLES:
        for name in _present(getattr(night, group)):
            calmer: Any = {group: dataclasses.replace(getattr(night, group), **{name: 0.0})}
            yield dataclasses.replace(night, **calmer)


def _present(troubles: Any) -> list[str]:
    fields = dataclasses.fields(troubles)
    return [field.name for field in fields if getattr(troubles, field.name)]


def told(night: Night) -> str:
    """What there is in a night, in one line."""
    troubles = [name for group in _TROUBLES for name in _present(getattr(night, group))]
    counts = [f"{name} {getattr(night, name):g}" for name in _COUNTS if getattr(night, name)]
    jobs = ", ".join(spec.id for spec in night.specs)
    return (
        f"{night.guarantee}, jobs {jobs}, runners {night.runners}, machines {len(night.machines)};"
        f" {', '.join((*counts, *troubles)) or 'no trouble at all'}"
    )
