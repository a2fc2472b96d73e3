"""Eight virtual hours under load and trouble: what a night takes of memory, files and disk."""

from __future__ import annotations

import gc
import os
from dataclasses import dataclass
from pathlib import Path

import pytest
from world import World, spec

from bydawn.core.model import Backoff, OnDoubt
from bydawn.store import read
from bydawn.store.sqlite import forgo_durability
from bydawn.store.store import Store
from layers import Count

HOURS = 8
PARALLEL = 40
MINUTES_A_JOB = 2
SCRIPT = [
    {"takes_ms": 60_000, "ends": "exit 75"},
    {"takes_ms": 30_000, "ends": "error 503"},
    {"takes_ms": 30_000, "ends": "ok"},
]


@dataclass(frozen=True)
class Taken:
    """What the process holds at one moment, and what the store needs for each finished job."""

    memory_kb: int
    descriptors: int
    disk_a_job: float
    done: int


class SoakWorld(World):
    """A night whose ledger is not kept: nothing of the test itself may grow."""

    def open(self) -> Store:
        store = super().open()
        forgo_durability(store.session)
        return store


def taken(world: World, batch: int) -> Taken:
    gc.collect()
    world.ledger.clear()
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    done = read.standing(world.store.session, batch, 0, None).succeeded
    size = world.store.session.size_bytes()
    return Taken(pages * 4, len(os.listdir("/proc/self/fd")), size / max(1, done), done)


def soaked(world: World, hours: int) -> list[Taken]:
    """One batch, hour by hour; each hour another runner takes over from one that just stopped."""
    count = hours * 60 * PARALLEL // MINUTES_A_JOB * 2
    one = spec(script=SCRIPT, retries=5, on_doubt=OnDoubt.RELAUNCH, backoff=Backoff(1_000, 5_000))
    batch = world.submit(one, count=count, parallel=PARALLEL, retry_budget=9.0, breaker=0)
    found = []
    for _ in range(hours):
        store = world.open()
        runner = world.runner(batch, store)
        until = world.clock.utc_ms() + 3_600_000
        while world.clock.utc_ms() < until:
            runner.turn()
            world.clock.wind(max(1, min(runner.next_wake_ms(), until - world.clock.utc_ms())))
        runner.leave()
        store.close()
        found.append(taken(world, batch))
    return found


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="the platform has no /proc")
def test_two_hours_leave_nothing_open(tmp_path: Path) -> None:
    first, second = soaked(SoakWorld(tmp_path), 2)
    assert second.done > first.done > 500
    assert first.descriptors == second.descriptors


@pytest.mark.prove("soak, eight virtual hours of jobs")
@pytest.mark.timeout(3600)
def test_a_night_takes_no_more_at_its_end_than_at_its_beginning(
    tmp_path: Path, trials: Count
) -> None:
    hours = soaked(SoakWorld(tmp_path), HOURS)
    trials(hours[-1].done)
    settled = hours[1:]
    assert {hour.descriptors for hour in settled} == {settled[0].descriptors}
    assert settled[-1].memory_kb <= settled[0].memory_kb * 1.05 + 2_000
    assert settled[-1].disk_a_job <= settled[0].disk_a_job * 1.02
    assert hours[-1].done > HOURS * 60 * PARALLEL // MINUTES_A_JOB // 2
