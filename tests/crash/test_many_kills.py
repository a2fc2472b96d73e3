"""Runners killed at random moments, again and again, on a file and on a server; nothing twice."""

from __future__ import annotations

import random
import threading
from pathlib import Path

import pytest
from nightly import Night, kill

from layers import Count
from servers import Server

JOBS = 40
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
        dies = threading.Timer(chance.uniform(0.05, 0.9), runner.kill)
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


@pytest.mark.prove("runners killed, real processes, SQLite")
@pytest.mark.timeout(36_000)
def test_many_kills_on_a_file(tmp_path: Path, prove_size: int, trials: Count) -> None:
    chance, kills, nights = random.Random(31), 0, 0
    while kills < prove_size:
        place = tmp_path / str(nights)
        place.mkdir()
        kills, nights = kills + survive(Night(place), chance), nights + 1
    trials(kills)


@pytest.mark.prove("runners killed, real processes, PostgreSQL")
@pytest.mark.timeout(36_000)
def test_many_kills_over_a_server(
    tmp_path: Path, prove_size: int, trials: Count, postgres_server: Server
) -> None:
    chance, kills, nights = random.Random(32), 0, 0
    while kills < max(1, prove_size * 3 // 10):
        place = tmp_path / str(nights)
        place.mkdir()
        url = postgres_server.database()
        kills += survive(Night(place), chance, "--store", url)
        nights += 1
    trials(kills)
