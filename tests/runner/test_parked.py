"""Parked jobs under the real loop: watched while a run may live, left alone when none does."""

from __future__ import annotations

import pytest
from world import World, spec

from bydawn.runner.stopping import Stop


@pytest.mark.timeout(10)
def test_a_successor_does_not_turn_for_ever_over_a_job_that_waits_for_approval(
    world: World,
) -> None:
    """It was adopted for its handle, had nothing to do, and was due again at once, without end."""
    batch = world.submit(spec(approve=True))
    assert world.drive(batch) is Stop.JOINED
    assert [job.reason for job in world.jobs(batch)] == ["awaiting_approval"]
    assert world.drive(batch) is Stop.JOINED
    assert "claimed" not in world.events()
