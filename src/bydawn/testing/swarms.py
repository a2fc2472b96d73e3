"""Small nights, drawn from a seed: one to four jobs and much trouble, now and then a large one.

Many small nights find more than few large ones, since what breaks takes few jobs and an odd order.
Each seed switches a part of all troubles on, with rates of its own.
"""

from __future__ import annotations

import dataclasses
import random

from bydawn.core.model import Bound, JobSpec, Publication
from bydawn.core.sightings import Guarantee
from bydawn.testing.disturbed import StoreTroubles
from bydawn.testing.finishing import FILES, SOURCE, Obstacles
from bydawn.testing.nights import COST, SHARED, Night, night_of, some
from bydawn.testing.remote import Troubles
from bydawn.testing.targets import BLIND, BRANCH, FILE, FOLDER, KEYED, TABLE, TAGGED, TREE

_SIZES = (1, 1, 1, 2, 2, 2, 3, 3, 4, 7)
_LENGTHS_MS = (30_000, 60_000, 60_000, 150_000)
_SKEWS_MS = (-60_000, -3_000, 0, 0, 3_000, 60_000)
_FAR_OFF_MS = 7_200_000
_PACES = (995, 1_000, 1_000, 1_005)
_DEEDS = ("cancel", "redo", "resolve", "resolve", "pause", "revise", "run", "raise")


def swarm_of(seed: int) -> Night:
    """Draw a small night, out of the jobs, limits and rates of a large one."""
    night, chance = night_of(seed), random.Random(f"{seed}/swarm")
    specs = night.specs[: chance.choice(_SIZES)]
    if chance.random() < 0.5:
        specs = tuple(_published(spec, chance) for spec in specs)
    if len(specs) > 1:
        specs = tuple(_sharing(spec, random.Random(f"{seed}/{spec.id}/shared")) for spec in specs)
    specs = tuple(_elsewhere(spec, random.Random(f"{seed}/{spec.id}/place")) for spec in specs)
    guarantee = chance.choice(tuple(Guarantee))
    night = dataclasses.replace(
        night,
        specs=specs,
        terms=dataclasses.replace(night.terms, bound=_bound(len(specs), chance)),
        guarantee=guarantee,
        runners=chance.choice((1, 1, 2, 2, 3)),
        lasts_ms=chance.choice(_LENGTHS_MS),
        pause=some(chance, 0.3),
        stalls=some(random.Random(f"{seed}/stalls"), 0.3),
        troubles=_troubled(night.troubles, chance),
        obstacles=Obstacles(*(some(chance, 0.4) for _ in dataclasses.fields(Obstacles))),
        store=StoreTroubles(*(some(chance, 0.04) for _ in dataclasses.fields(StoreTroubles))),
        people=chance.choice((0, 0, 3, 9)),
        deeds=_DEEDS,
        never_ends=chance.random() < 0.2,
        machines=_machines(guarantee, chance),
        suspends=chance.choice((0, 0, 0, 1, 2)),
        reboots=chance.choice((0, 0, 0, 1, 2)),
    )
    is_keyed = night.guarantee is Guarantee.KEYED
    lists = not is_keyed or random.Random(f"{seed}/lists").random() < 0.5
    night = dataclasses.replace(night, lists=lists)
    night = _at_the_gates(night, random.Random(f"{seed}/gates"))
    return _going_back(night, random.Random(f"{seed}/backups"))


def _at_the_gates(night: Night, chance: random.Random) -> Night:
    """In one of five nights little goes wrong before the gates, so that many come there at once."""
    if chance.random() >= 0.2:
        return night
    kinds = [_place(Publication(SOURCE, FILE, "g"), chance)]
    kinds += [Publication(FILES, BRANCH, "origin", SHARED)] * chance.choice((0, 1, 1))
    kinds += [Publication(SOURCE, FILE, SHARED)] * chance.choice((0, 1, 1))
    specs = tuple(
        dataclasses.replace(
            spec, after=(), approve=False, check=(), pool=None,
            publish=tuple(dict.fromkeys(_named(kind, spec.id) for kind in kinds)),
        )
        for spec in night.specs[:3]
    )  # fmt: skip
    terms = dataclasses.replace(night.terms, bound=Bound(), canary=0, parallel=3)
    return dataclasses.replace(
        night, specs=specs, terms=terms, troubles=Troubles(), lasts_ms=150_000,
        runners=chance.choice((2, 3)), latency_ms=50, hesitates=chance.random() * 0.5,
        pause=0.0, stalls=0.0,
    )  # fmt: skip


def _named(one: Publication, job: str) -> Publication:
    """A target of its job's own, unless it is one they share."""
    if one.branch is not None:
        return one if one.branch == SHARED else dataclasses.replace(one, branch=one.branch + job)
    return one if one.target == SHARED else dataclasses.replace(one, target=job + one.target)


def _going_back(night: Night, chance: random.Random) -> Night:
    """In half of all nights the store goes back; what was refused before may be accepted then."""
    backups = chance.choice((0, 0, 1, 2))
    refused = chance.choice((night.troubles.refused, 0.5))
    troubles = dataclasses.replace(night.troubles, refused=refused) if backups else night.troubles
    return dataclasses.replace(night, backups=backups, troubles=troubles)


def _bound(jobs: int, chance: random.Random) -> Bound:
    usd = chance.choice((None, None, COST, COST * jobs))
    return Bound(usd_micros=usd, launches=chance.choice((None, None, 1, jobs)))


def _machines(guarantee: Guarantee, chance: random.Random) -> tuple[tuple[int, int], ...]:
    """One machine whose clock is right, one whose clock is not, or several of those: what runs on a
    machine itself is played on one."""
    count = 1 if guarantee is Guarantee.LOCAL_CLAIM else chance.choice((1, 1, 2, 3))
    if count == 1 and chance.random() < 0.7:
        return ((0, 1_000),)
    far = _FAR_OFF_MS if chance.random() < 0.02 else 0
    return tuple((chance.choice(_SKEWS_MS) + far * n, chance.choice(_PACES)) for n in range(count))


def _troubled(troubles: Troubles, chance: random.Random) -> Troubles:
    return dataclasses.replace(
        troubles,
        asks=some(chance, 0.3),
        loses_run=some(chance, 0.3),
        twice=some(chance, 0.5),
        stale=some(chance, 0.2),
        forgets_keys=some(chance, 0.5),
    )


def _published(spec: JobSpec, chance: random.Random) -> JobSpec:
    """Up to two targets, each of a kind of its own."""
    count = chance.choice((0, 1, 1, 2))
    targets = tuple(_target(f"{spec.id}-{number}", chance) for number in range(count))
    return dataclasses.replace(spec, publish=targets)


def _sharing(spec: JobSpec, chance: random.Random) -> JobSpec:
    """Now and then a file is not a job's alone: there, who comes late may undo what is newer."""
    shared = tuple(
        dataclasses.replace(one, target=SHARED)
        if one.kind == FILE and chance.random() < 0.4
        else one
        for one in spec.publish
    )
    return dataclasses.replace(spec, publish=tuple(dict.fromkeys(shared)))


def _elsewhere(spec: JobSpec, chance: random.Random) -> JobSpec:
    """Most of what would be files are folders, or branches of a remote."""
    places = tuple(_place(one, chance) if one.kind == FILE else one for one in spec.publish)
    return dataclasses.replace(spec, publish=tuple(dict.fromkeys(places)))


def _place(one: Publication, chance: random.Random) -> Publication:
    kind = chance.choice((FILE, FOLDER, BRANCH, BRANCH))
    if kind == FOLDER and one.target != SHARED:
        return dataclasses.replace(one, source=FILES, target=one.target + TREE)
    if kind != BRANCH:
        return one
    branch = SHARED if chance.random() < 0.5 else one.target
    return Publication(FILES, BRANCH, "origin", branch)


def _target(name: str, chance: random.Random) -> Publication:
    kind = chance.choice((FILE, TABLE, KEYED, TAGGED, BLIND))
    if kind in (FILE, TABLE):
        return Publication(SOURCE, kind, name)
    method = "PUT" if kind == TAGGED else "POST"
    return Publication(SOURCE, "http", f"{method} https://night/{kind}/{name}")
