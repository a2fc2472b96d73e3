"""A night of one runner whose process dies exactly where it is told to, and what must hold."""

from __future__ import annotations

import tempfile
from pathlib import Path

from playing import check_all

from bydawn.core.model import (
    Backoff,
    BatchTerms,
    Bound,
    Effects,
    JobSpec,
    Limits,
    Publication,
    When,
)
from bydawn.core.sightings import Guarantee
from bydawn.core.values import value
from bydawn.store.store import Store
from bydawn.testing.finishing import SOURCE
from bydawn.testing.ground import Opener
from bydawn.testing.invariants import all_jobs
from bydawn.testing.nights import LEASE_MS, Night
from bydawn.testing.remote import Troubles
from bydawn.testing.simulation import Simulation

KINDS = tuple(Guarantee)
_LOOK_MS, _LOOKS = 250, 240
_PARKED_AS = {"awaiting_approval", "in_doubt"}


def spec(name: str, **fields: object) -> JobSpec:
    known: dict[str, object] = {
        "id": name, "backend": "remote", "payload": {"version": 1},
        "limits": Limits(timeout_ms=40_000, grace_ms=1_000), "backoff": Backoff(500, 4_000),
        "bound": Bound(usd_micros=1_000),
    }  # fmt: skip
    return JobSpec(**{**known, **fields})  # type: ignore[arg-type]


SPECS = (
    spec("cancelled"),
    *(spec(f"plain-{n}") for n in range(6)),
    spec("pooled", pool="p"),
    spec("gated", effects=Effects.GATED),
    spec("approved", approve=True),
    spec("after", after=("plain-0",)),
    spec("after-all", after=("plain-1", "gated"), when=When.ALL_DONE),
    spec("published", check=("check",), publish=(Publication(SOURCE, "file", "published"),)),
)


@value
class Size:
    """Of a night: its jobs, and how long the longest of their runs lasts."""

    specs: tuple[JobSpec, ...]
    longest_ms: int


LARGE = Size(SPECS, 30_000)
# One job of each kind, and the two that others wait for: every step there is, in fewer statements.
FEW = tuple(one for one in SPECS if one.id not in {f"plain-{n}" for n in range(2, 6)})
SMALL = Size(FEW, 12_000)


class Doomed(Simulation):
    """A night whose processes die exactly at the given points, counted over all of them."""

    def __init__(
        self, night: Night, folder: Path, at: frozenset[int], opener: Opener | None, longest_ms: int
    ) -> None:
        self.passed: list[str] = []
        self._doom = at
        super().__init__(night, folder, opener)
        self.remote.longest_ms = longest_ms

    def _dies(self, _number: int, name: str) -> bool:
        self.passed.append(name)
        return len(self.passed) in self._doom

    def _calm_down(self) -> None:
        super()._calm_down()
        self._cancel_while_it_lives(_LOOKS)

    def _cancel_while_it_lives(self, looks: int) -> None:
        """Somebody is to die around the call that ends a run."""
        job = self.people.job_named("cancelled")
        if looks and job.state in ("queued", "launching"):
            again = self.clock.boot_ms() + _LOOK_MS
            self.at(again, lambda: self._cancel_while_it_lives(looks - 1))
        else:
            self.store.cancel(job.number, self.people.nonce)


def night(guarantee: Guarantee, troubles: Troubles, specs: tuple[JobSpec, ...]) -> Night:
    terms = BatchTerms(parallel=6, lease_ms=LEASE_MS, bound=Bound(usd_micros=40_000))
    lasts_ms = 500 if troubles == Troubles() else 40_000  # runners start within five seconds
    return Night(7, guarantee, troubles, specs, terms, runners=1, lasts_ms=lasts_ms)


def survive(
    guarantee: Guarantee,
    troubles: Troubles,
    at: frozenset[int],
    opener: Opener | None = None,
    size: Size = LARGE,
) -> list[str]:
    """Play it through its deaths, check everything; the points that were passed."""
    with tempfile.TemporaryDirectory(
        dir="/dev/shm" if Path("/dev/shm").is_dir() else None
    ) as folder:
        played = night(guarantee, troubles, size.specs)
        doomed = Doomed(played, Path(folder), at, opener, size.longest_ms)
        try:
            doomed.run()
            check_all(doomed)
            _check_ends(doomed.store, doomed, troubles)
        except AssertionError as error:
            raise AssertionError(f"killed at {sorted(at)} ({guarantee}): {error}") from error
        finally:
            doomed.close()
        return doomed.passed


def _check_ends(store: Store, doomed: Doomed, troubles: Troubles) -> None:
    jobs = all_jobs(store, doomed.people.batch, doomed.people.keys)
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
        assert len(doomed.remote.runs) in (len(doomed.night.specs) - 1, len(doomed.night.specs))
    assert [job.name for job in jobs if job.reason == "awaiting_approval"] in (["approved"], [])
