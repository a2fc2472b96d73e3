"""A slice of the thousand nights: no duplicate, nobody forgotten, almost nothing thrown away."""

from __future__ import annotations

from pathlib import Path

import pytest

from bydawn.core.sightings import Guarantee
from bydawn.testing.interruptions import Phase
from bydawn.testing.scripted_nights import JOBS, Tally, play_interrupted, play_night
from layers import Count

REMOTES = (Guarantee.KEYED, Guarantee.SEARCHABLE)


def played(folder: Path, guarantee: Guarantee, nights: range, share: float = 0.12) -> Tally:
    total = Tally()
    for seed in nights:
        place = folder / str(seed)
        place.mkdir()
        total.add(play_night(place, seed, guarantee, share=share))
    return total


def check(total: Tally) -> None:
    assert total.jobs == total.nights * JOBS
    assert (total.open, total.duplicates, total.unnamed, total.early) == (0, 0, 0, 0)


@pytest.mark.parametrize("guarantee", REMOTES)
def test_interrupted_nights_end_well(tmp_path: Path, guarantee: Guarantee) -> None:
    total = played(tmp_path, guarantee, range(20))
    check(total)
    assert total.failed + total.parked == 0
    assert 0.06 <= total.naive_failed / total.jobs <= 0.20


@pytest.mark.parametrize("guarantee", REMOTES)
def test_nights_that_are_mostly_trouble_lose_jobs_and_never_their_names(
    tmp_path: Path, guarantee: Guarantee
) -> None:
    total = played(tmp_path, guarantee, range(100, 112), share=0.85)
    check(total)
    assert set(total.met) == set(Phase), "every phase was met"
    assert total.failed > 0


@pytest.mark.parametrize("guarantee", REMOTES)
def test_an_interruption_every_fifty_throws_next_to_nothing_away(
    tmp_path: Path, guarantee: Guarantee
) -> None:
    waste = play_interrupted(tmp_path, 1, guarantee)
    assert waste.interruptions == 3
    assert 0 < waste.share <= 0.02
    assert waste.naive_share > 0.5


@pytest.mark.prove("interrupted nights")
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("guarantee", REMOTES)
def test_a_thousand_nights(
    tmp_path: Path, guarantee: Guarantee, prove_size: int, trials: Count
) -> None:
    total = played(tmp_path, guarantee, range(prove_size // 2))
    trials(total.nights)
    check(total)
    assert (total.failed + total.parked) / total.jobs <= 0.004
    # How bad the nights are shows over many of them only.
    if total.nights >= 20:
        least, most = (0.10, 0.14) if total.nights >= 400 else (0.05, 0.20)
        assert least <= total.naive_failed / total.jobs <= most
