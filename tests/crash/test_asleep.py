"""A runner with all its runs is frozen, another one takes over, the first wakes and knows of
nothing: it believes no lease of its own, and nothing is done twice."""

from __future__ import annotations

import contextlib
import random
import sqlite3
import sys
import time
from pathlib import Path

import pytest
from aftermath import ITEMS, Told, prepared, undone_after
from asleep import FREEZING, HOURS, TURNING, Frozen, Stopped, can_turn_clocks, cgroup_root
from nightly import Night, kill, until
from ready import Forked, Ready

from layers import Count

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="freezes processes")
ROOT = cgroup_root() if sys.platform == "linux" else None
freezing = pytest.mark.skipif(ROOT is None, reason=FREEZING)
turning = pytest.mark.skipif(not can_turn_clocks(), reason=TURNING)


def one_sleep(folder: Path, seed: str, bed: Frozen | Stopped, now: Ready, later: Ready) -> bool:
    """Whether a second runner took a job over meanwhile. ``later`` starts it, maybe in a world of
    its own."""
    night, chance = prepared(Night(folder, ready=now), takes="0.5"), random.Random(seed)
    night.more.update(bed.more)
    first = night.start("run", "plan.toml")
    try:
        begun = chance.randrange(1, ITEMS)
        until(lambda: sum(night.effects().values()) >= begun or first.poll() is not None, 60)
        bed.sleep(first.pid)
        night.more.clear()
        night.ready = later
        second = night.start("run", "plan.toml")
        taken = awaited(night, second)
        time.sleep(chance.uniform(0.0, 0.5))
        bed.wake()
        ends = [(one.communicate(timeout=60)[1], one.returncode) for one in (first, second)]
    finally:
        bed.wake()
        kill(first)
        kill(second)
    night.ready = now
    found = undone_after(night)
    found += [harm for said, code in ends for harm in Told(code, said).harm]
    assert found == [], f"{seed}: {found}"
    return taken


def awaited(night: Night, second: Forked) -> bool:
    """Until the second runner takes what the first one had, which may hold the store meanwhile."""
    path, end = night.folder / ".bydawn" / "store.db", time.monotonic() + 4
    asked = "SELECT count(*) FROM event WHERE kind = 'claimed'"
    while second.poll() is None and time.monotonic() < end:
        with contextlib.suppress(sqlite3.Error), contextlib.closing(looking(path)) as store:
            if store.execute(asked).fetchone()[0]:
                return True
        time.sleep(0.02)
    return False


def looking(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=0.1)


def many_sleeps(
    folder: Path, name: str, count: int, now: Ready, later: Ready, root: Path | None = None
) -> None:
    """So many that another runner took over; one that was frozen with the store in its hands, or
    with nothing left to take, does not count."""
    taken = 0
    for number in range(4 * count):
        place = folder / str(number)
        place.mkdir()
        bed = Stopped() if root is None else Frozen(root, f"bydawn-{name}-{number}")
        try:
            taken += one_sleep(place, f"{name} {number}", bed, now, later)
        finally:
            bed.close()
        if taken == count:
            return
    raise AssertionError(f"only {taken} of {4 * count} were taken over")


@freezing
@pytest.mark.prove("asleep: frozen in a cgroup")
@pytest.mark.timeout(36_000)
def test_frozen(in_memory: Path, ready: Ready, prove_size: int, trials: Count) -> None:
    count = max(2, prove_size // 20)
    trials(count)
    many_sleeps(in_memory, "frozen", count, ready, ready, ROOT)


@pytest.mark.prove("asleep: every process stopped")
@pytest.mark.timeout(36_000)
def test_stopped(in_memory: Path, ready: Ready, prove_size: int, trials: Count) -> None:
    count = max(2, prove_size // 20)
    trials(count)
    many_sleeps(in_memory, "stopped", count, ready, ready)


@turning
@pytest.mark.prove("asleep: the next runner's clock is ten hours ahead")
@pytest.mark.timeout(36_000)
def test_ten_hours_later(in_memory: Path, ready: Ready, prove_size: int, trials: Count) -> None:
    """No lease is waited for: by the clock that counts sleep all of them are long over."""
    count = max(2, prove_size // 20)
    trials(count)
    with Ready(HOURS) as later:
        many_sleeps(in_memory, "later", count, ready, later)
