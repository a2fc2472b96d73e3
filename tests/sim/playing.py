"""Play one night and check everything about it; say how to play it again when something broke."""

from __future__ import annotations

import contextlib
import hashlib
import tempfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from bydawn.testing.effects import (
    check_attempts,
    check_breaker,
    check_canary,
    check_effects,
    check_retry_after,
)
from bydawn.testing.ground import InFile, InMemory, Opener
from bydawn.testing.invariants import (
    Violation,
    all_jobs,
    check_history,
    check_nothing_lives,
    journal,
)
from bydawn.testing.nights import Night, night_of
from bydawn.testing.simulation import Simulation

_FAST = Path("/dev/shm")


_IN_A_FILE = 16

Look = Callable[[Simulation], None]


def play(night: Night, look: Look = lambda _: None) -> Simulation:
    """Play a night, in memory or, each sixteenth, in a file; raises AssertionError with the way to
    see it again."""
    where = _FAST if _FAST.is_dir() else None
    with tempfile.TemporaryDirectory(prefix="night-", dir=where) as folder:
        if night.seed % _IN_A_FILE == 0:
            return _played(night, Path(folder), InFile(Path(folder)), look)
        with contextlib.closing(InMemory()) as ground:
            return _played(night, Path(folder), ground, look)


def _played(night: Night, folder: Path, ground: Opener, look: Look) -> Simulation:
    simulation = Simulation(night, folder, ground)
    with contextlib.closing(simulation):
        try:
            simulation.run()
            check_all(simulation)
            look(simulation)
        except Violation as violation:
            raise AssertionError(
                f"seed {night.seed}: {violation}; {HOW % night.seed}"
            ) from violation
    return simulation


def check_all(simulation: Simulation) -> None:
    """Everything that must be true of a night that is over."""
    people, night = simulation.people, simulation.night
    jobs = all_jobs(simulation.store, people.batch, people.keys)
    specs = {spec.id: spec for spec in night.specs}
    check_history(
        simulation.store,
        people.batch,
        jobs,
        specs,
        simulation.remote,
        people.touched,
    )
    events = journal(simulation.store, people.batch)
    check_effects(simulation.finishing, jobs, specs, events)
    now = simulation.clock.boot_ms()
    check_nothing_lives(simulation.remote, jobs, now)
    check_canary(events, night.terms)
    if not night.jumps:  # a wall clock set meanwhile moves the moments themselves
        check_breaker(events, night.terms.breaker)
        check_retry_after(simulation.remote, events, jobs, set(people.touched))
    check_attempts(events, jobs)


HOW = "again: pytest tests/sim/test_nights.py -k test_one_night --night %d"


def play_seed(seed: int, look: Look = lambda _: None) -> Simulation:
    return play(night_of(seed), look)


def history(seed: int, folder: Path | None = None) -> str:
    """A digest of everything that was told in a night; in a file where a folder is given."""
    told: list[str] = []

    def look(simulation: Simulation) -> None:
        rows = journal(simulation.store, simulation.people.batch)
        here = str(simulation.finishing.folder)
        told.extend(repr(row).replace(here, "") for row in rows)
        told.extend(repr(run) for run in simulation.remote.runs.values())

    if folder is None:
        play(night_of(seed), look)
    else:
        _played(night_of(seed), folder, InFile(folder), look)
    return hashlib.sha256("\n".join(told).encode()).hexdigest()


def situations(simulation: Simulation) -> Counter[str]:
    """What came up in a night, so that a quiet simulator is noticed."""
    rows = journal(simulation.store, simulation.people.batch)
    return Counter(f"{row.kind}:{row.reason or row.to_state}" for row in rows)
