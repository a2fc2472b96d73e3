"""The real loop, its line to the store cut at random: nothing is lost, nothing launched twice."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from world import World, spec

from between import LOSE, PASS, SWALLOW, CuttingLine, database_of
from bydawn.runner.drive import Stop
from bydawn.store import counters
from bydawn.store.shared import open_server_store
from bydawn.store.store import Store
from servers import Server

JOBS = 40
SCRIPT = [{"takes_ms": 700, "ends": "exit 75"}, {"takes_ms": 300, "ends": "ok"}]


class ServedWorld(World):
    """A world whose store is on a server; every connection goes over one line."""

    url = ""
    opened: list[Store]

    def open(self) -> Store:
        self.opened.append(open_server_store(self.url, self.clock, "s_test"))
        return self.opened[-1]


@pytest.fixture
def line(postgres_server: Server) -> Iterator[CuttingLine]:
    with CuttingLine(postgres_server, database_of(postgres_server.database())) as made:
        yield made


@pytest.fixture
def world(line: CuttingLine, tmp_path: Path) -> Iterator[ServedWorld]:
    ServedWorld.url, ServedWorld.opened = line.url, []
    made = ServedWorld(tmp_path)
    yield made
    for store in made.opened:
        store.close()


@pytest.mark.parametrize("seed", range(4))
def test_every_generation_is_launched_once(
    world: ServedWorld, line: CuttingLine, seed: int
) -> None:
    """One statement in a hundred is lost, or its answer is: commits among them."""
    chance = random.Random(seed)
    cuts: list[str] = []

    def judge(message: bytes) -> str:
        if message[:1] not in b"QS" or chance.random() > 1 / 100:
            return PASS
        cuts.append(chance.choice((LOSE, SWALLOW)))
        return cuts[-1]

    batch = world.submit(spec(script=SCRIPT), count=JOBS, parallel=7, retry_budget=9.0)
    line.judge = judge
    assert world.drive(batch) is Stop.JOINED
    line.judge = lambda _: PASS
    assert {LOSE, SWALLOW} <= set(cuts)
    assert world.states(batch) == {"succeeded": JOBS}
    assert Counter(world.ledger).most_common(1)[0][1] == 1
    assert len(world.ledger) == 2 * JOBS
    assert counters.used(world.store.session, f"slots:{batch}") == 0
    assert Counter(world.events())["intended"] == 2 * JOBS
    tokens = [job.token for job in world.jobs(batch)]
    assert len(set(tokens)) == JOBS
