"""Whether a run of a job may be alive, as far as its row tells."""

from __future__ import annotations

from bydawn.core.model import Job
from bydawn.core.states import HELD, State


def run_may_live(job: Job) -> bool:
    """A parked job has a run to look at until its end is known."""
    if job.state == State.PARKED.value:
        return job.handle is not None and not job.step
    return State(job.state) in HELD
