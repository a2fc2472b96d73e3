"""Whole nights of several runners over one store, with everything that can go wrong going wrong."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from playing import history, play_seed, situations

from bydawn.testing.simulation import Simulation
from layers import Count

CHUNK = 10
SEEDS = 150
PARTS = 8
# Nights that found something once, kept for ever: a spinning deadline, an early Retry-After under a
# paused process, a bound spent twice, a dependent nobody released, a refusal that died with its
# runner and was held against the loop.
CORPUS = (13, 19, 48, 104, 153, 180, 228)
# What must come up again and again, or the simulator has become too quiet to prove anything.
WANTED = (
    "claimed:launching", "claimed:running", "absent:queued", "found:running", "refused:held",
    "unknowable:in_doubt", "unconfirmed:cancel_unconfirmed", "needs_input:needs_input",
    "cancelled:operator", "retried:queued", "stopped:timeout", "stopped:backoff", "judged:backoff",
    "released:queued", "approval_asked:awaiting_approval", "vanished:lost", "checked:finishing",
    "published:finishing", "publish_failed:finishing", "claimed:finishing", "judged:unmet",
    "breaker_opened:None",
)  # fmt: skip


@pytest.mark.parametrize("first", range(0, SEEDS, CHUNK))
def test_nights(first: int) -> None:
    for seed in range(first, first + CHUNK):
        play_seed(seed)


@pytest.mark.parametrize("seed", CORPUS)
def test_nights_that_once_went_wrong(seed: int) -> None:
    play_seed(seed)


def test_one_night(night_seed: int) -> None:
    play_seed(night_seed)


@pytest.mark.parametrize("seed", [3, 41, 77])
def test_the_same_seed_is_the_same_history(seed: int) -> None:
    """I20."""
    assert history(seed) == history(seed)


@pytest.mark.parametrize("seed", [3, 41, 77])
def test_a_night_in_memory_is_the_night_in_a_file(seed: int, tmp_path: Path) -> None:
    """Or what is proved in memory would say nothing about what people have."""
    assert history(seed) == history(seed, tmp_path)


def test_the_nights_are_not_quiet() -> None:
    seen: Counter[str] = Counter()
    crashes = fenced = 0

    def look(simulation: Simulation) -> None:
        nonlocal crashes, fenced
        seen.update(situations(simulation))
        crashes += len(simulation.processes) - simulation.night.runners - 1
        fenced += simulation.store.batch(simulation.people.batch).fenced

    for seed in range(80):
        play_seed(seed, look)
    assert [name for name in WANTED if not seen[name]] == []
    assert crashes > 50
    assert fenced > 0


@pytest.mark.prove("simulated nights, SQLite")
@pytest.mark.timeout(36_000)
@pytest.mark.parametrize("part", range(PARTS))
def test_many_nights(prove_size: int, part: int, trials: Count) -> None:
    seeds = range(SEEDS + part, SEEDS + prove_size, PARTS)
    trials(len(seeds))
    seen: Counter[str] = Counter()
    for seed in seeds:
        play_seed(seed, lambda simulation: seen.update(situations(simulation)))
    rare = [name for name in WANTED if seen[name] < len(seeds) // 100]
    assert rare == [], "what must come up again and again hardly did"
