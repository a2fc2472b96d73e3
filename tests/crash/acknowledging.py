"""A night on a real store that says on standard output what was acknowledged, write by write."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from world import World, spec

from bydawn.store import read

SCRIPT = [{"takes_ms": 500, "ends": "exit 75"}, {"takes_ms": 300, "ends": "ok"}]


def main(folder: str, synchronous: str) -> None:
    world = World(Path(folder))
    store = world.open()
    if synchronous:
        store.session.change(f"PRAGMA synchronous={synchronous}")
    batch = world.submit(spec(script=SCRIPT), count=12, parallel=4, retry_budget=9.0)
    runner = world.runner(batch, store)
    while not (runner.is_quiet() and not runner.is_busy() and done(world, batch)):
        runner.turn()
        os.write(1, f"ack {read.newest_event(store.session)}\n".encode())
        world.clock.wind(max(1, min(runner.next_wake_ms(), 1_000)))


def done(world: World, batch: int) -> bool:
    return world.states(batch) == {"succeeded": 12}


if __name__ == "__main__":
    main(*sys.argv[1:])
