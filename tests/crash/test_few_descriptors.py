"""Runner, nursery or supervisors run out of descriptors, from the start or in the middle of a
night: what cannot be started waits or is told, and nothing is lost or double."""

from __future__ import annotations

import random
import resource
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
from aftermath import Told, ends, harm_after, prepared
from nightly import Night, kill, living
from ready import Ready

from layers import Count

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="limits of other processes")
# Below this the interpreter itself does not start.
LEAST, ENOUGH = 6, 20
_NURSERY = "bydawn.processes.nursery"


def limit(pid: int, count: int) -> None:
    hard = resource.prlimit(pid, resource.RLIMIT_NOFILE)[1]
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (count, hard))


def from_the_start(night: Night, chance: random.Random) -> Told:
    few = chance.randrange(LEAST, ENOUGH)
    poor = replace(night, through=("sh", "-c", f'ulimit -n {few}; exec "$@"', "sh"), ready=None)
    return ends(poor.start("run", "plan.toml"), 8)


def in_the_middle(night: Night, chance: random.Random) -> Told:
    """Of the runner, or of the nursery and all it has forked, for a moment."""
    started = night.start("run", "plan.toml")
    try:
        time.sleep(chance.uniform(0.1, 0.9))
        few = chance.randrange(0, ENOUGH)
        pids = [started.pid] if chance.random() < 0.5 else below(started.pid)
        for pid in pids:
            limit(pid, few)
        time.sleep(chance.uniform(0.1, 1.0))
        for pid in pids:
            limit(pid, 1024)
    except OSError:
        pass  # it was over sooner
    try:
        return ends(started, 60)
    finally:
        kill(started)


def below(pid: int) -> list[int]:
    """The nursery of a runner, and its supervisors."""
    own = {one for one in living([_NURSERY]) if _ancestor(one, pid)}
    return sorted(own)


def _ancestor(pid: int, wanted: int) -> bool:
    while pid > 1:
        if pid == wanted:
            return True
        stat = Path(f"/proc/{pid}/stat").read_text("utf-8")
        pid = int(stat.rpartition(")")[2].split()[1])
    return False


@pytest.mark.prove("descriptors run out, real processes")
@pytest.mark.timeout(36_000)
def test_few_descriptors(in_memory: Path, ready: Ready, prove_size: int, trials: Count) -> None:
    count = max(2, prove_size // 5)
    trials(count)
    for number in range(count):
        folder, chance = in_memory / str(number), random.Random(f"descriptors {number}")
        folder.mkdir()
        night = prepared(Night(folder, ready=ready), takes="0.2")
        trouble = (from_the_start, in_the_middle)[number % 2]
        found = trouble(night, chance).harm + harm_after(night)
        assert found == [], f"{trouble.__name__} {number}: {found}"
