"""A service that knows launch keys and shows nothing by them: an unclear launch is made again."""

from __future__ import annotations

from dataclasses import dataclass, field

from world import OverAtOnce, World, spec

from bydawn.core.sightings import (
    Capabilities,
    Failure,
    FailureClass,
    FindAnswer,
    Guarantee,
    LaunchAnswer,
    Launched,
    LaunchRefused,
    LaunchUnclear,
    Repeatable,
    Request,
)

BUSY = LaunchRefused(Failure(FailureClass.TRANSIENT, "429", "slow down", 90_000))


@dataclass
class Keyed(OverAtOnce):
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
