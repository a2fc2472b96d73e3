"""A service that knows launch keys and shows nothing by them: an unclear launch is made again."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import pytest
from world import World, spec

from bydawn.backends.backend import Backend
from bydawn.core.sightings import (
    CancelAnswer,
    Capabilities,
    Ended,
    Failure,
    FailureClass,
    FindAnswer,
    Guarantee,
    LaunchAnswer,
    Launched,
    LaunchRefused,
    LaunchUnclear,
    Outcome,
    Repeatable,
    Request,
    Sighting,
)

BUSY = LaunchRefused(Failure(FailureClass.TRANSIENT, "429", "slow down", 90_000))


@dataclass
class Keyed(Backend):
    """Starts one run for each key. ``answers`` come before it answers with the run."""

    answers: list[LaunchAnswer]
    asked: list[str] = field(default_factory=list)
    name: str = "scripted"
    capabilities: Capabilities = field(default_factory=lambda: Capabilities(Guarantee.KEYED))

    def launch(self, request: Request) -> LaunchAnswer:
        self.asked.append(request.launch_key)
        return self.answers.pop(0) if self.answers else Launched(request.launch_key)

    def find(self, request: Request) -> FindAnswer:
        del request
        return Repeatable()

    def poll(self, handle: str) -> Sighting:
        del handle
        return Ended(Outcome(None, 0, "null"))

    def cancel(self, handle: str, reason: str) -> CancelAnswer:
        raise AssertionError(f"nothing ends {handle} for {reason}")


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def test_a_refused_repetition_is_no_word_about_the_launch_before(world: World) -> None:
    """Its first request may have started a run; the next generation would be a second one."""
    batch = world.submit(spec())
    service = Keyed([LaunchUnclear("reset"), BUSY])
    began = world.clock.utc_ms()
    world.drive_on(world.runner(batch, backend=service))
    assert (len(service.asked), len(set(service.asked))) == (3, 1)
    assert world.clock.utc_ms() - began >= 90_000, "Retry-After is not undercut"
    assert world.states(batch) == {"succeeded": 1}


def test_a_first_launch_that_is_refused_is_over(world: World) -> None:
    batch = world.submit(spec())
    service = Keyed([BUSY])
    world.drive_on(world.runner(batch, backend=service))
    assert len(set(service.asked)) == 2
