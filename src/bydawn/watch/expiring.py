"""Results that a service keeps only for a while, and that nobody has fetched."""

from __future__ import annotations

from collections.abc import Iterator

from bydawn.core.model import Job
from bydawn.core.states import State
from bydawn.core.values import value
from bydawn.store import totals
from bydawn.store.store import Batch
from bydawn.watch.amounts import about
from bydawn.watch.documents import Reading
from bydawn.watch.sanitise import inert
from bydawn.watch.ways import next_command


@value
class Expiring:
    """A result, or the run that will have one. ``at`` is the earliest moment at which its service
    may let go of it: counted from the launch, for no service tells the moment. ``command`` has it
    fetched, or decides what keeps it from that."""

    name: str
    backend: str
    at: int
    command: str

    def told(self, now: int) -> str:
        where, left = inert(self.backend), self.at - now
        if left <= 0:
            return f"result not fetched; {where} may have dropped it"
        return f"result not fetched; {where} may drop it in {about(left)}"


def expiring(reading: Reading, batch: Batch) -> list[Expiring]:
    """Those of a batch nobody sees to: parked for a person, or without a runner. The first to go
    comes first."""
    return sorted(_found(reading, batch), key=lambda one: one.at)


def _found(reading: Reading, batch: Batch) -> Iterator[Expiring]:
    is_served = batch.number in reading.served
    for job in totals.unfetched(reading.store.session, batch.number):
        is_parked = job.state == State.PARKED.value
        spec, began = reading.store.spec(job.spec), job.intended_at or job.started_at
        keeps_ms = reading.keeps_of(spec)
        if keeps_ms is not None and began is not None and (is_parked or not is_served):
            command = _command(batch, job, is_parked)
            yield Expiring(job.name, spec.backend, began + keeps_ms, command)


def _command(batch: Batch, job: Job, is_parked: bool) -> str:
    return next_command(batch.address, job) if is_parked else f"bydawn wait {batch.address}"
