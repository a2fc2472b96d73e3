"""Play one night and check everything about it; one that went wrong is kept, and made smaller."""

from __future__ import annotations

import contextlib
import hashlib
import tempfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import bydawn
from bydawn.core.sightings import Guarantee
from bydawn.testing.effects import (
    check_attempts,
    check_breaker,
    check_canary,
    check_effects,
    check_retry_after,
)
from bydawn.testing.going_back import check_gone_back
from bydawn.testing.ground import InFile, InMemory, Opener
from bydawn.testing.invariants import (
    all_jobs,
    check_acknowledged,
    check_ended,
    check_history,
    check_nothing_lives,
    given_up,
    journal,
    may_go_again,
)
from bydawn.testing.nights import Night, night_of
from bydawn.testing.shrinking import shrunk, told
from bydawn.testing.simulation import Simulation
from bydawn.testing.swarms import swarm_of
from bydawn.testing.targets import kind_of
from bydawn.testing.tiny import tiny_of

_FAST = Path("/dev/shm")
_IN_A_FILE = 16

Look = Callable[[Simulation], None]


def play(night: Night, look: Look = lambda _: None) -> Simulation:
    """Play a night, in memory or, each sixteenth, in a file, and check everything about it."""
    where = _FAST if _FAST.is_dir() else None
    with tempfile.TemporaryDirectory(prefix="night-", dir=where) as folder:
        if night.seed % _IN_A_FILE == 0 and len(night.machines) == 1:
            return _played(night, Path(folder), InFile(Path(folder)), look)
        with contextlib.closing(InMemory()) as ground:
            return _played(night, Path(folder), ground, look)


def _played(night: Night, folder: Path, ground: Opener, look: Look) -> Simulation:
    simulation = Simulation(night, folder, ground)
    with contextlib.closing(simulation):
        simulation.run()
        check_all(simulation)
        look(simulation)
    return simulation


def goes_wrong(night: Night) -> bool:
    """Whether anything breaks in it: an invariant, or the loop itself."""
    try:
        play(night)
    except Exception:
        return True
    return False


def check_all(simulation: Simulation) -> None:
    """Everything that must be true of a night that is over, or was broken off."""
    people, night = simulation.people, simulation.night
    jobs = all_jobs(simulation.store, people.batch, people.keys)
    specs = {spec.id: spec for spec in night.specs}
    remote, lost = simulation.remote, simulation.back.lost
    check_history(simulation.store, people.batch, jobs, specs, remote, people.touched, lost)
    check_acknowledged(simulation.store, simulation.weather.heads)
    events = journal(simulation.store, people.batch)
    check_gone_back(events, simulation.back, night.jumps)
    check_effects(simulation.finishing, jobs, specs, events)
    check_canary(events, night.terms)
    if night.is_on_time:
        check_breaker(events, night.terms.breaker)
        check_retry_after(simulation.remote, events, jobs, set(people.touched))
    check_attempts(events, jobs)
    if not night.never_ends:
        check_ended(simulation.store, people.batch, jobs, simulation.machines.now())
        # What a person, or the plan, decided to go on without while it might live.
        excused = people.left_alone | given_up(remote, events, jobs)
        is_local = remote.guarantee is Guarantee.LOCAL_CLAIM  # its supervisor carries the limit
        again = may_go_again(jobs, specs, set(people.touched), remote.guarantee)
        excused |= {run.handle for run in remote.before() if run.job_id in again or is_local}
        check_nothing_lives(remote, jobs, simulation.clock.boot_ms(), excused)


NIGHTS: dict[str, Callable[[int], Night]] = {
    "large": night_of,
    "swarm": swarm_of,
    "tiny": tiny_of,
}
KEPT = Path(__file__).with_name("kept.txt")
# What goes wrong because a guard was taken out of a copy is no news of ours.
_IS_OURS = Path(bydawn.__file__).is_relative_to(Path(__file__).parents[2])


def play_kind(kind: str, seed: int, look: Look = lambda _: None) -> Simulation:
    """The night of a seed. One that goes wrong is made smaller, told, and kept for ever."""
    night = NIGHTS[kind](seed)
    try:
        return play(night, look)
    except Exception as error:
        if _IS_OURS:
            keep(KEPT, kind, seed, error)
        raise AssertionError(
            f"{kind} night {seed}: {type(error).__name__}: {error}\n"
            f"it takes no more than: {told(shrunk(night, goes_wrong))}\n"
            f"again: pytest tests/sim/test_nights.py -k test_one_night --night {kind}:{seed}"
        ) from error


def kept(file: Path = KEPT) -> list[tuple[str, int]]:
    """Every night that ever went wrong."""
    lines = [line.split() for line in file.read_text("utf-8").splitlines() if line[:1] != "#"]
    return [(kind, int(seed)) for kind, seed, *_ in lines]


def keep(file: Path, kind: str, seed: int, error: Exception) -> None:
    """Write a night down, once."""
    if (kind, seed) not in kept(file):
        why = str(error).partition("\n")[0][:80]
        with file.open("a", encoding="utf-8") as stream:
            stream.write(f"{kind} {seed} {why}\n")


def history(kind: str, seed: int, folder: Path | None = None) -> str:
    """A digest of everything that was told in a night; in a file where a folder is given."""
    told: list[str] = []

    def look(simulation: Simulation) -> None:
        rows = journal(simulation.store, simulation.people.batch)
        here = str(simulation.finishing.folder)
        told.extend(repr(row).replace(here, "") for row in rows)
        told.extend(repr(run) for run in simulation.remote.runs.values())

    night = NIGHTS[kind](seed)
    if folder is None:
        play(night, look)
    else:
        _played(night, folder, InFile(folder), look)
    return hashlib.sha256("\n".join(told).encode()).hexdigest()


def situations(simulation: Simulation) -> Counter[str]:
    """What came up in a night, so that a quiet simulator is noticed."""
    night = simulation.night
    rows = journal(simulation.store, simulation.people.batch)
    seen = Counter(f"{row.kind}:{row.reason or row.to_state}" for row in rows)
    seen.update(simulation.met)
    seen.update(f"effect:{kind_of(effect.target)}" for effect in simulation.finishing.effects)
    seen["crash"] += len(simulation.processes) - night.runners - 1
    seen["several machines"] += len(night.machines) > 1
    seen["broken off"] += night.never_ends
    return seen
