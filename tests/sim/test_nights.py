"""Nights of several runners over one store, with everything that can go wrong going wrong: many
small ones, and some large."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import pytest
from playing import history, keep, kept, play_kind, situations

from bydawn.testing.nights import Night
from bydawn.testing.shrinking import shrunk
from bydawn.testing.swarms import swarm_of
from layers import Count

LARGE = 30
TINY = 40
SMALL = 160
PARTS = 8
ENOUGH = 100
NIGHTLY = 40_000
# What must come up again and again, or the simulator has become too quiet to prove anything.
COMMON = (
    "claimed:launching", "claimed:running", "claimed:finishing", "absent:queued", "found:running",
    "reserved:launching", "unknowable:in_doubt", "cancelled:operator", "wished:running",
    "retried:queued", "stopped:timeout", "released:queued", "approval_asked:awaiting_approval",
    "checked:finishing", "published:finishing", "publish_failed:finishing", "crash",
    "revised:queued", "revised:running", "paused:None", "person:raise", "person:run",
    "store:busy", "store:full", "store:again", "store:unknown_kept", "store:unknown_lost",
    "machine:suspended", "machine:rebooted", "effect:file", "effect:folder", "effect:git",
    "effect:table", "effect:keyed", "effect:tagged", "effect:blind", "several machines",
    "broken off", "store:gone back", "recover:parked", "recover:goes on",
)  # fmt: skip
# Seldom in a small night; over a nightly slice of them enough all the same.
SELDOM = (
    "refused:held", "needs_input:needs_input", "vanished:lost", "stopped:backoff",
    "judged:backoff", "judged:permanent", "breaker_opened:None", "breaker_closed:None",
    "fenced:None", "unconfirmed:cancel_unconfirmed", "claimed:needs_input",
    "withdrawn:withdrawn", "clock:jump", "request:twice", "answer:stale", "key:forgotten",
    "answer:later", "answer:twice", "answer:never",
    "process:ended without leave", "stopped:deadline", "person:pause", "git:stale push",
    "recover:refused", "find:by key alone", "put_back:finishing",
)  # fmt: skip


@pytest.mark.parametrize("first", range(0, LARGE, 10))
def test_large_nights(first: int) -> None:
    for seed in range(first, first + 10):
        play_kind("large", seed)


def test_nights() -> None:
    """A slice of the small ones, in which nothing common is missing."""
    seen = played(range(SMALL))
    assert [name for name in COMMON if not seen[name]] == []


def test_tiny_nights() -> None:
    played(range(TINY), "tiny")


def played(seeds: Iterable[int], kind: str = "swarm") -> Counter[str]:
    """Play these nights; what came up in them."""
    seen: Counter[str] = Counter()
    for seed in seeds:
        play_kind(kind, seed, lambda simulation: seen.update(situations(simulation)))
    return seen


@pytest.mark.parametrize(("kind", "seed"), kept())
def test_nights_that_once_went_wrong(kind: str, seed: int) -> None:
    play_kind(kind, seed)


def test_one_night(chosen_night: tuple[str, int]) -> None:
    play_kind(*chosen_night)


def test_a_night_that_goes_wrong_is_kept_once(tmp_path: Path) -> None:
    file = tmp_path / "kept.txt"
    file.write_text("# nights\nlarge 1 long ago\n")
    for _ in range(2):
        keep(file, "swarm", 7, ValueError("two lines\nand more"))
    assert kept(file) == [("large", 1), ("swarm", 7)]


def test_a_night_is_made_as_small_as_what_goes_wrong_needs() -> None:
    def breaks(night: Night) -> bool:
        return night.crash > 0 and any(spec.id == "j1" for spec in night.specs)

    seeds = (seed for seed in range(200) if breaks(swarm_of(seed)))
    found = shrunk(swarm_of(next(seeds)), breaks)
    assert breaks(found)
    assert [spec.id for spec in found.specs if not found.specs[-1].after] in (["j1"], [])
    assert (found.runners, found.people, found.pause, len(found.machines)) == (1, 0, 0, 1)
    assert set(dataclasses.astuple(found.troubles)) == {0.0}


@pytest.mark.parametrize("seed", [3, 41, 77])
def test_the_same_seed_is_the_same_history(seed: int) -> None:
    """I20."""
    assert history("swarm", seed) == history("swarm", seed)


@pytest.mark.parametrize("seed", [3, 41])
def test_a_night_in_memory_is_the_night_in_a_file(seed: int, tmp_path: Path) -> None:
    """Or what is proved in memory would say nothing about what people have."""
    assert history("large", seed) == history("large", seed, tmp_path)


@pytest.mark.prove("simulated nights, small")
@pytest.mark.timeout(36_000)
@pytest.mark.parametrize("part", range(PARTS))
def test_many_nights(prove_size: int, part: int, trials: Count) -> None:
    """In a nightly slice, each listed situation that came up less than ENOUGH times fails it: all
    parts together, so each its share."""
    seeds = range(SMALL + part, SMALL + 4 * prove_size, PARTS)
    trials(len(seeds))
    seen = played(seeds)
    least = 1 + ENOUGH // PARTS if 4 * prove_size >= NIGHTLY else 0
    assert {name: seen[name] for name in (*COMMON, *SELDOM) if seen[name] < least} == {}


@pytest.mark.prove("simulated nights, tiny")
@pytest.mark.timeout(36_000)
@pytest.mark.parametrize("part", range(PARTS))
def test_many_tiny_nights(prove_size: int, part: int, trials: Count) -> None:
    seeds = range(TINY + part, TINY + 10 * prove_size, PARTS)
    trials(len(seeds))
    played(seeds, "tiny")


@pytest.mark.prove("simulated nights, large")
@pytest.mark.timeout(36_000)
def test_many_large_nights(prove_size: int, trials: Count) -> None:
    seeds = range(LARGE, LARGE + max(1, prove_size // 4))
    trials(len(seeds))
    played(seeds, "large")
