"""After a loss of power at any moment: what was acknowledged is there, and nothing by halves."""

from __future__ import annotations

import random
import tempfile
from pathlib import Path

import pytest
from powerloss import REMEDY, Step, can_trace, image, recorded

from bydawn.store import read
from bydawn.store.damage import damage_of
from bydawn.store.store import open_store
from bydawn.testing.invariants import check_journal
from bydawn.testing.virtual import HandWoundClock
from layers import Count

_FAST = Path("/dev/shm")
SLICE = 60
traced = pytest.mark.skipif(not can_trace(), reason=REMEDY)


def survives(steps: list[Step], until: int, seed: int) -> str:
    """What is wrong with the store after a power loss there; empty when nothing is."""
    where = _FAST if _FAST.is_dir() else None
    with tempfile.TemporaryDirectory(prefix="power-", dir=where) as place:
        acknowledged = image(steps, until, random.Random(seed), Path(place))
        path = Path(place, "store.db")
        if not path.exists() or path.stat().st_size == 0:
            return "everything is gone" if acknowledged else ""
        store = open_store(path, HandWoundClock(), "s_test")
        try:
            kept = read.newest_event(store.session)
            if kept < acknowledged:
                return f"{acknowledged} events were acknowledged, {kept} are there"
            batches = store.batches()
            for batch in batches:
                events = read.events(store.session, 0, batch.number, 1_000_000)
                check_journal(events, list(read.jobs(store.session, batch.number)))
        finally:
            store.close()
        return damage_of(path)


def moments(steps: list[Step], count: int, name: str) -> list[int]:
    chance = random.Random(name)
    return [chance.randrange(1, len(steps) + 1) for _ in range(count)]


@traced
def test_what_was_acknowledged_survives(tmp_path: Path) -> None:
    steps = recorded(tmp_path)
    assert sum(step.kind == "flush" for step in steps) > 100
    for seed, until in enumerate(moments(steps, SLICE, "some")):
        assert survives(steps, until, seed) == "", f"after step {until}, seed {seed}"


@traced
def test_a_store_that_does_not_flush_is_caught(tmp_path: Path) -> None:
    """The images would show a weaker setting; else they would show nothing."""
    steps = recorded(tmp_path, "OFF")
    found = []
    for seed, until in enumerate(moments(steps, SLICE, "weak")):
        try:
            found.append(survives(steps, until, seed))
        except Exception as noticed:
            found.append(str(noticed))
    assert any(found)


@pytest.mark.prove("power lost, images of the disk")
@pytest.mark.timeout(7200)
def test_many_losses_of_power(tmp_path: Path, prove_size: int, trials: Count) -> None:
    assert can_trace(), REMEDY
    steps = recorded(tmp_path)
    trials(prove_size * 10)
    for seed, until in enumerate(moments(steps, prove_size * 10, "many")):
        assert survives(steps, until, seed) == "", f"after step {until}, seed {seed}"
