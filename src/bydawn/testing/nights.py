"""What a simulated night is made of, drawn from its seed: jobs, runners, troubles, people.

Each seed switches a random part of the troubles on, with rates of its own: nights in which
everything goes wrong at once hide the mistakes that need quiet.
"""

from __future__ import annotations

import dataclasses
import json
import random
from dataclasses import field

from bydawn.core.keys import job_key
from bydawn.core.model import (
    Backoff,
    BatchTerms,
    Bound,
    Effects,
    JobSpec,
    Limits,
    OnDoubt,
    PlannedBatch,
    PlannedJob,
    Pool,
    Publication,
    When,
)
from bydawn.core.sightings import Guarantee
from bydawn.core.values import value
from bydawn.store.rows import digest_of
from bydawn.testing.disturbed import StoreTroubles
from bydawn.testing.finishing import SOURCE, Obstacles
from bydawn.testing.remote import Troubles

PLAN = "night"
SHARED = "shared"
LEASE_MS = 12_000
COST = 1_000
DEEDS = ("cancel", "retry", "resolve", "pause", "revise", "run")
# Known since these nights were first drawn; others would make them other nights.
_LATER = ("twice", "stale", "forgets_keys")
_GUARANTEES = (Guarantee.KEYED, Guarantee.LOCAL_CLAIM, Guarantee.SEARCHABLE, Guarantee.BLIND)


@value
class Night:
    """Everything one simulation needs to know; the same seed gives the same night. ``machines``: by
    how much the wall clock of each is ahead, and how many ms it counts while the world counts a
    thousand. ``stalls``: how often a process falls asleep before a call; ``hesitates``: at a step
    of a gate. ``never_ends``: the troubles go on until it is broken off, and nothing need be
    joined. ``backups``: how often one is made, and later put back. ``longest_ms``: of a run.
    ``lists``: whether the service shows its runs by their keys.
    """

    seed: int
    guarantee: Guarantee
    troubles: Troubles
    specs: tuple[JobSpec, ...]
    terms: BatchTerms
    runners: int = 2
    lasts_ms: int = 150_000
    deadline_ms: int | None = None
    crash: float = 0.0
    pause: float = 0.0
    stalls: float = 0.0
    hesitates: float = 0.0
    jumps: int = 0
    people: int = 0
    sees_deaths: bool = True
    latency_ms: int = 50
    longest_ms: int = 30_000
    lists: bool = True
    obstacles: Obstacles = field(default_factory=Obstacles)
    store: StoreTroubles = field(default_factory=StoreTroubles)
    machines: tuple[tuple[int, int], ...] = ((0, 1_000),)
    suspends: int = 0
    reboots: int = 0
    backups: int = 0
    never_ends: bool = False
    deeds: tuple[str, ...] = DEEDS

    @property
    def is_on_time(self) -> bool:
        """Whether the moments in the journal are those of the world."""
        return self.jumps == 0 and self.machines == ((0, 1_000),)

    def planned(
        self, specs: tuple[JobSpec, ...], terms: BatchTerms, opened_at: int
    ) -> tuple[PlannedBatch, list[PlannedJob]]:
        """The plan with these specs and terms, as the store takes it."""
        deadline = None if self.deadline_ms is None else opened_at + self.deadline_ms
        batch = PlannedBatch(
            plan=PLAN, edition="", folder="/plans", source="night.toml", terms=terms,
            specs=specs, fingerprint=digest_of(repr((specs, terms))), deadline_at=deadline,
        )  # fmt: skip
        return batch, [planned_job(spec, number) for number, spec in enumerate(specs)]


def planned_job(spec: JobSpec, position: int) -> PlannedJob:
    """The one job of a spec without items."""
    key, tags = job_key(PLAN, "", spec.id, []), json.dumps(spec.tags)
    return PlannedJob(spec.id, spec.id, key, None, tags, position, f"night.toml:{position + 1}")


def night_of(seed: int) -> Night:
    """Draw a night: which troubles there are, how often, and what is at work."""
    return _with_more(_plain_night(seed), random.Random(f"{seed}/more"))


def _with_more(night: Night, chance: random.Random) -> Night:
    """In half of all nights there is more to a job than its run, and more than one cap. Drawn
    apart, so that the other half stays what it was when it found something."""
    if chance.random() < 0.5:
        return night
    tagged = Bound(usd_micros=chance.choice((None, COST, COST * 3)))
    terms = dataclasses.replace(
        night.terms,
        canary=chance.choice((0, 0, 1, 2)),
        breaker=chance.choice((0, 1, 2, 5)),
        per_day_usd_micros=chance.choice((None, COST * 2, COST * 9)),
        tag_bounds={"site=a": tagged},
    )
    obstacles = Obstacles(*(some(chance, 0.4) for _ in dataclasses.fields(Obstacles)))
    specs = tuple(_with_finishing(spec, chance) for spec in night.specs)
    return dataclasses.replace(night, terms=terms, obstacles=obstacles, specs=specs)


def _with_finishing(spec: JobSpec, chance: random.Random) -> JobSpec:
    count = chance.choice((0, 1, 1, 2))
    targets = [f"{spec.id}-{number}" for number in range(count)]
    if targets and chance.random() < 0.2:
        targets[-1] = SHARED
    return dataclasses.replace(
        spec,
        tags=chance.choice(({}, {"site": "a"}, {"site": "b"})),
        check=chance.choice(((), ("check",))),
        publish=tuple(Publication(SOURCE, "file", target) for target in targets),
    )


def _plain_night(seed: int) -> Night:
    chance = random.Random(seed)
    guarantee = _guarantee(seed, chance)
    specs = _specs(chance)
    cap = chance.choice((None, None, None, COST * len(specs) // 2, COST * len(specs)))
    terms = BatchTerms(
        parallel=chance.randrange(1, 5),
        lease_ms=LEASE_MS,
        on_deadline=chance.choice(("cancel", "finish")),
        bound=Bound(usd_micros=cap, launches=chance.choice((None, None, None, len(specs)))),
        pools=(Pool("p", chance.choice((None, 1, 2)), chance.choice((None, 20, 60))),),
    )
    return Night(
        seed=seed,
        guarantee=guarantee,
        troubles=_troubles(chance),
        specs=specs,
        terms=terms,
        runners=chance.randrange(1, 4),
        deadline_ms=chance.choice((None, None, None, 60_000, 140_000)),
        crash=some(chance, 0.03),
        pause=some(chance, 0.15),
        jumps=chance.choice((0, 0, 2)),
        people=chance.choice((0, 0, 3, 12)),
        sees_deaths=chance.random() < 0.5,
        latency_ms=chance.choice((1, 50, 3_000)),
    )


def _guarantee(seed: int, chance: random.Random) -> Guarantee:
    """Half of the keyed services are two-phase instead: drawn aside, so no other draw changes."""
    drawn = chance.choice(_GUARANTEES)
    if drawn is Guarantee.KEYED and random.Random(f"{seed}/two-phase").random() < 0.5:
        return Guarantee.TWO_PHASE
    return drawn


def some(chance: random.Random, most: float) -> float:
    """Off in half of all nights, else a rate of its own."""
    on, rate = chance.random() < 0.5, chance.random() * most
    return rate if on else 0.0


def _troubles(chance: random.Random) -> Troubles:
    most = {"reply_lost": 0.5, "breaks": 0.2, "hangs": 0.2, "stubborn": 0.3, "asks": 0.2,
            "forbidden": 0.1, "loses_run": 0.2}  # fmt: skip
    names = [one.name for one in dataclasses.fields(Troubles) if one.name not in _LATER]
    return Troubles(**{name: some(chance, most.get(name, 0.3)) for name in names})


def _specs(chance: random.Random) -> tuple[JobSpec, ...]:
    return tuple(_spec(chance, number) for number in range(chance.randrange(3, 8)))


def _spec(chance: random.Random, number: int) -> JobSpec:
    upstream = (f"j{chance.randrange(number)}",) if number and chance.random() < 0.3 else ()
    return JobSpec(
        id=f"j{number}",
        backend="remote",
        payload={"version": 1},
        limits=Limits(
            timeout_ms=chance.choice((15_000, 40_000)),
            grace_ms=1_000,
            stall_ms=chance.choice((None, None, 10_000)),
        ),
        retries=chance.randrange(0, 3),
        backoff=Backoff(500, 4_000),
        bound=Bound(usd_micros=COST),
        effects=chance.choice(tuple(Effects)),
        on_doubt=chance.choice((OnDoubt.PARK, OnDoubt.PARK, OnDoubt.RELAUNCH, OnDoubt.FAIL)),
        pool=chance.choice((None, "p")),
        after=upstream,
        when=chance.choice((When.ALL_SUCCEEDED, When.ALL_DONE, When.ANY_SUCCEEDED)),
        approve=chance.random() < 0.1,
        usual_ms=chance.choice((None, 5_000)),
    )
