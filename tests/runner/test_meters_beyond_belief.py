"""A meter may say anything, a backend of another package too: the runner lives, the job ends."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from world import World, spec

from bydawn.store import read

HUGE = 10**400


@pytest.mark.parametrize(
    "said",
    [
        {"usage": {"input_tokens": HUGE, "output_tokens": 2}},
        {"usage": {"input_tokens": 2**63, "output_tokens": 2}},
        {"usage": {"input_tokens": -5, "output_tokens": 2}},
        {"usage": {"output_tokens": 2, "words": 1.5}},
        {"usage": {"output_tokens": 2}, "cost_usd": 1e300},
        {"usage": {"output_tokens": 2}, "cost_usd": -1.0},
    ],
)
def test_a_number_that_no_meter_shows_is_passed_over(tmp_path: Path, said: dict[str, Any]) -> None:
    world = World(tmp_path)
    store = world.open()
    batch = world.submit(spec(script=[{"takes_ms": 500, "ends": "ok", **said}]))
    runner = world.runner(batch, store)
    for _ in range(60):
        runner.turn()
        world.clock.wind(200)
    (job,) = read.jobs(store.session, batch)
    assert (job.state, job.cost_micros) == ("succeeded", None)
    assert json.loads(job.usage or "{}") == {"output_tokens": 2}
