"""The next step of one job, from what is known: no waiting, no I/O, no clock, no chance.

``next_step`` says what to do for a job that is due and about which nothing new is known; ``learn``
says what follows from one fact. Both answer with a Step: moves to record, then at most one act. The
runner records first and acts afterwards, so a crash between the two leaves a state from which the
same two functions continue. One module per state.
"""

from __future__ import annotations

from bydawn.core.decide import elsewhere, finishing, launching, parked, running
from bydawn.core.decide.step import Act, Circumstances, Fact, Move, Step
from bydawn.core.model import Job
from bydawn.core.states import State

__all__ = ["Act", "Circumstances", "Fact", "Move", "Step", "learn", "next_step"]

_BY_STATE = {
    State.LAUNCHING.value: launching,
    State.RUNNING.value: running,
    State.FINISHING.value: finishing,
    State.PARKED.value: parked,
}


def next_step(job: Job, around: Circumstances) -> Step:
    """What to do for a due job about which nothing new is known."""
    module = _BY_STATE.get(job.state)
    if module and around.is_elsewhere:
        return elsewhere.next_step(job, around)
    return module.next_step(job, around) if module else Step()


def learn(job: Job, fact: Fact, around: Circumstances) -> Step:
    """What follows from one fact."""
    module = _BY_STATE.get(job.state)
    return module.learn(job, fact, around) if module else Step()
