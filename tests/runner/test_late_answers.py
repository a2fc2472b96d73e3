"""Answers that reach the loop long after they were given: it slept, or its process was paused."""

from __future__ import annotations

from dataclasses import dataclass, field

from world import OverAtOnce, World, spec

from bydawn.core.decide import Fact
from bydawn.core.sightings import (
    Absent,
    Capabilities,
    FindAnswer,
    Found,
    Guarantee,
    LaunchAnswer,
    Launched,
    Request,
)
from bydawn.runner.awaited import Ticket
from bydawn.testing.virtual import HandWoundClock, InlineDispatcher

SETTLE_MS = 5_000
NAP_MS = 60_000


@dataclass
class Listing(OverAtOnce):
    """A service whose listing shows the one run it has only after a while."""

    clock: HandWoundClock
    shown_at: int = 0
    launches: list[str] = field(default_factory=list)
    name: str = "scripted"
    capabilities: Capabilities = field(
        default_factory=lambda: Capabilities(Guarantee.SEARCHABLE, settle_ms=SETTLE_MS)
    )

    def launch(self, request: Request) -> LaunchAnswer:
        self.launches.append(request.launch_key)
        self.shown_at = self.clock.boot_ms() + SETTLE_MS - 1_000
        return Launched("run-1")

    def find(self, request: Request) -> FindAnswer:
        del request
        return Found("run-1") if self.clock.boot_ms() >= self.shown_at else Absent()


class Sleepy(InlineDispatcher):
    """Falls asleep between an answer and the turn that takes it in, so often."""

    def __init__(self, clock: HandWoundClock, naps: int) -> None:
        super().__init__(clock)
        self._naps = naps

    def drain(self) -> list[tuple[Ticket, Fact]]:
        facts = super().drain()
        if facts and self._naps:
            self._naps -= 1
            self._clock.wind(NAP_MS)
        return facts


def test_what_a_listing_did_not_show_yet_is_not_absent_for_being_heard_late(world: World) -> None:
    """Asked before the settle delay was over, heard after it: it used to be believed, and the same
    job was launched twice."""
    batch = world.submit(spec())
    service = Listing(world.clock)
    first = world.runner(batch, backend=service)
    first.turn()
    assert len(service.launches) == 1  # its handle dies with the process
    second = world.runner(batch, backend=service, dead=lambda: True)
    second.tools.dispatcher = Sleepy(world.clock, naps=1)
    world.drive_on(second)
    assert len(service.launches) == 1
    assert world.states(batch) == {"succeeded": 1}
