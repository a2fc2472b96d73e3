"""One night, killed at every point it passes: each commit and call, before and after; pairs."""

from __future__ import annotations

import random
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest
from playing import check_all

from bydawn.core.model import Backoff, BatchTerms, Bound, Effects, JobSpec, Limits, When
from bydawn.core.sightings import Guarantee
from bydawn.store.store import Store
from bydawn.testing.invariants import all_jobs
from bydawn.testing.nights import LEASE_MS, Night
from bydawn.testing.remote import Troubles
from bydawn.testing.simulation import Simulation

_KINDS = tuple(Guarantee)
_PARKED_AS = {"awaiting_approval", "in_doubt"}


def spec(name: str, **fields: object) -> JobSpec:
    known: dict[str, object] = {
        "id": name, "backend": "remote", "payload": {"version": 1},
        "limits": Limits(timeout_ms=40_000, grace_ms=1_000), "backoff": Backoff(500, 4_000),
        "bound": Bound(usd_micros=1_000),
    }  # fmt: skip
    return JobSpec(**{**known, **fields})  # type: ignore[arg-type]


SPECS = (
    *(spec(f"plain-{n}") for n in range(6)),
    spec("pooled", pool="p"),
    spec("gated", effects=Effects.GATED),
    spec("approved", approve=True),
    spec("after", after=("plain-0",)),
    spec("after-all", after=("plain-1", "gated"), when=When.ALL_DONE),
    spec("cancelled"),
)


class Doomed(Simulation):
    """A night whose processes die exactly at the given points, counted over all of them."""

    def __init__(self, night: Night, folder: Path, at: frozenset[int]) -> None:
        self.points = 0
        self._doom = at
        super().__init__(night, folder)

    def _dies(self, _number: int, _name: str) -> bool:
        self.points += 1
        return self.points in self._doom

    def _calm_down(self) -> None:
        self.store.cancel(self.people.job_named("cancelled").number, self.people.nonce)
        super()._calm_down()


def night(guarantee: Guarantee, troubles: Troubles) -> Night:
    terms = BatchTerms(parallel=6, lease_ms=LEASE_MS, bound=Bound(usd_micros=40_000))
    return Night(7, guarantee, troubles, SPECS, terms, runners=1, lasts_ms=500)


def survive(guarantee: Guarantee, troubles: Troubles, at: frozenset[int]) -> int:
    """Play it through its deaths, check everything; how many points were passed."""
    with tempfile.TemporaryDirectory(
        dir="/dev/shm" if Path("/dev/shm").is_dir() else None
    ) as folder:
        doomed = Doomed(night(guarantee, troubles), Path(folder), at)
        try:
            doomed.run()
            check_all(doomed)
            _check_ends(doomed.store, doomed, troubles)
        except AssertionError as error:
            raise AssertionError(f"killed at {sorted(at)} ({guarantee}): {error}") from error
        finally:
            doomed.close()
        return doomed.points


def _check_ends(store: Store, doomed: Doomed, troubles: Troubles) -> None:
    jobs = all_jobs(store, doomed.people.keys)
    if troubles != Troubles():
        return
    for job in jobs:
        if job.state == "parked":
            assert job.reason in _PARKED_AS, f"{job.name} is parked: {job.reason}"
        elif job.state == "queued":
            assert job.reason == "dependency"
        else:
            assert job.state in ("succeeded", "cancelled"), f"{job.name} {job.state} {job.reason}"
    doubts = [job for job in jobs if job.reason == "in_doubt"]
    assert not doubts or doomed.remote.guarantee is Guarantee.BLIND
    if not doubts:
        assert len(doomed.remote.runs) in (len(SPECS) - 1, len(SPECS))
    assert [job.name for job in jobs if job.reason == "awaiting_approval"] in (["approved"], [])


@pytest.mark.parametrize("guarantee", _KINDS)
def test_a_death_at_every_point(guarantee: Guarantee) -> None:
    """The five guarantees share the points among them; ``prove`` gives each of them all."""
    points = survive(guarantee, Troubles(), frozenset())
    assert points > 200
    for point in range(1 + _KINDS.index(guarantee), points + 1, len(_KINDS)):
        survive(guarantee, Troubles(), frozenset({point}))


@pytest.mark.prove
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("guarantee", _KINDS)
def test_a_death_at_every_point_under_every_guarantee(guarantee: Guarantee) -> None:
    for point in range(1, survive(guarantee, Troubles(), frozenset()) + 1):
        survive(guarantee, Troubles(), frozenset({point}))


@pytest.mark.parametrize("guarantee", _KINDS)
def test_a_second_death_in_the_recovery_of_the_first(guarantee: Guarantee) -> None:
    points = survive(guarantee, Troubles(), frozenset())
    chance = random.Random(str(guarantee))
    for _ in range(12):
        first = chance.randrange(1, points)
        survive(guarantee, Troubles(), frozenset({first, first + chance.randrange(1, 30)}))


@pytest.mark.parametrize("guarantee", _KINDS)
def test_a_death_at_sampled_points_of_a_night_with_troubles(guarantee: Guarantee) -> None:
    troubles = Troubles(reply_lost=0.3, refused=0.2, fails=0.2, breaks=0.1, silent_meter=0.3)
    points = survive(guarantee, troubles, frozenset())
    for point in random.Random(1).sample(range(1, points), 10):
        survive(guarantee, troubles, frozenset({point}))


@pytest.mark.prove
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("guarantee", _KINDS)
def test_many_pairs_of_deaths(guarantee: Guarantee, prove_size: int) -> None:
    points = survive(guarantee, Troubles(), frozenset())
    chance = random.Random(f"pairs {guarantee}")
    draw: Callable[[], int] = lambda: chance.randrange(1, points + 20)  # noqa: E731
    for _ in range(prove_size):
        survive(guarantee, Troubles(), frozenset({draw(), draw()}))
