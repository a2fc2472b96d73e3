"""Runners killed at random moments, again and again, on a file and on a server; nothing twice."""

from __future__ import annotations

import random
import shutil
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from nightly import Night, kill
from ready import Ready

from layers import Count
from servers import Server

JOBS = 40
# Most of a runner's life here; one that is killed later has often come to the end of it.
LONGEST_S = 0.35
Stores = Callable[[], tuple[str, ...]]
PLAN = """
schema = 1
name = "items"
[run]
parallel = 8
[[job]]
id = "work"
items = "records.jsonl"
key = ["site", "slug"]
shell = 'sleep 0.05; echo {{{{ item.slug }}}} >> {recorder}; sleep 0.05'
"""


def survive(night: Night, chance: random.Random, *store: str) -> int:
    """One batch through kills to its end, everything counted; how many kills it took."""
    night.items(JOBS)
    night.plan(PLAN.format(recorder=night.recorder))
    kills = 0
    while sum(night.effects().values()) < JOBS and kills < 40:
        runner = night.start(*store, "run", "plan.toml")
        dies = threading.Timer(chance.uniform(0.0, LONGEST_S), runner.kill)
        dies.start()
        runner.wait()
        dies.cancel()
        kills += runner.returncode < 0
        kill(runner)
    code, batch = night.json(*store, "run", "plan.toml")
    assert code == 0
    assert batch["counts"]["succeeded"] == JOBS
    assert len(night.effects()) == JOBS
    assert set(night.effects().values()) == {1}
    assert {job["attempts"] for job in batch["jobs"]} == {1}
    return kills


def survived(folder: Path, ready: Ready, chance: random.Random, wanted: int, new: Stores) -> int:
    """Nights until so many runners were killed; how many they were."""
    kills = nights = 0
    while kills < wanted:
        place = folder / str(nights)
        place.mkdir()
        kills, nights = kills + survive(Night(place, ready=ready), chance, *new()), nights + 1
        shutil.rmtree(place, ignore_errors=True)
    return kills


@pytest.mark.prove("runners killed, real processes, SQLite")
@pytest.mark.timeout(36_000)
def test_many_kills_on_a_file(
    in_memory: Path, ready: Ready, prove_size: int, trials: Count
) -> None:
    trials(survived(in_memory, ready, random.Random(31), prove_size, tuple))


@pytest.mark.prove("runners killed, real processes, PostgreSQL")
@pytest.mark.timeout(36_000)
def test_many_kills_over_a_server(
    in_memory: Path, ready: Ready, prove_size: int, trials: Count, postgres_server: Server
) -> None:
    wanted, chance = max(1, prove_size * 3 // 10), random.Random(32)
    new: Stores = lambda: ("--store", postgres_server.database())  # noqa: E731
    trials(survived(in_memory, ready, chance, wanted, new))
