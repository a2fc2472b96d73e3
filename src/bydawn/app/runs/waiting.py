"""Wait for batches or jobs; where nobody is at work on them, be the runner."""

from __future__ import annotations

import time
from collections.abc import Callable

from bydawn.app.names import RUNNERS
from bydawn.app.place import Place
from bydawn.app.runs.driving import drive
from bydawn.app.runs.errands import Errand
from bydawn.app.runs.outcomes import are_over, outcome_of, outcome_of_jobs, refuse_if_stopped
from bydawn.app.values import Face, Invocation, Ran
from bydawn.core.errors import Refused
from bydawn.core.join import EXIT_NOT_IN_TIME, is_joined
from bydawn.core.model import Job
from bydawn.processes.presence import is_gone, machine_id
from bydawn.runner.stopping import Stop
from bydawn.store import read
from bydawn.store.runners import Registered
from bydawn.store.store import Batch, Store

_LOOK_S = 0.1


def live_runners(place: Place, store: Store) -> list[Registered]:
    """Runners that hold their lease and, on this machine, their life."""
    machine = machine_id(place.state_folder)
    return [
        runner
        for runner in store.unlapsed_runners()
        if runner.machine != machine or not is_gone(place.state_folder / RUNNERS, runner.id)
    ]


def wait_for_jobs(
    place: Place, invocation: Invocation, store: Store, jobs: list[Job], mode: str,
    timeout_ms: int | None, face: Face,
) -> Ran:  # fmt: skip
    """Until all (or any) of the jobs are over; 4 when the time is up first."""
    numbers = [job.number for job in jobs]
    batches = {job.batch for job in jobs}

    def is_done() -> bool:
        return are_over(store, numbers, mode)

    stop, signal = _until(place, invocation, store, batches, is_done, timeout_ms, face)
    now_jobs = [read.job(store.session, number) for number in numbers]
    joined = outcome_of_jobs(now_jobs if mode == "all" else _ended(now_jobs))
    ran = Ran(joined.exit_code, joined.outcome, joined.reasons, signal=signal)
    return _stopped(ran, stop)


def wait_for_batch(
    place: Place,
    invocation: Invocation,
    store: Store,
    batch: Batch,
    timeout_ms: int | None,
    face: Face,
) -> Ran:
    """Until the batch is joined; exits as its run would."""
    if batch.paused:
        raise Refused(f"{batch.address} is paused", f"bydawn unpause {batch.address} lifts it")

    def is_done() -> bool:
        now = store.session.clock.utc_ms()
        standing = read.standing(store.session, batch.number, now, batch.deadline_at)
        return is_joined(standing)

    stop, signal = _until(place, invocation, store, {batch.number}, is_done, timeout_ms, face)
    ran = outcome_of(store, store.batch(batch.number))
    ran.signal = signal
    return _stopped(ran, stop)


def _until(
    place: Place, invocation: Invocation, store: Store, batches: set[int],
    is_done: Callable[[], bool], timeout_ms: int | None, face: Face,
) -> tuple[Stop, int | None]:  # fmt: skip
    """Watch while somebody is at work; take over when nobody is."""
    now = store.session.clock.utc_ms
    until_at = None if timeout_ms is None else now() + timeout_ms
    while not is_done():
        refuse_if_stopped(place, store)
        if until_at is not None and now() >= until_at:
            return Stop.TIMEOUT, None
        if any(runner.batches & batches for runner in live_runners(place, store)):
            face.turned()
            time.sleep(_LOOK_S)
            continue
        errand = Errand(choose=lambda: batches, is_done=is_done, until_at=until_at)
        driven = drive(place, invocation, store, errand, face)
        if driven.stop is not Stop.DONE:
            return driven.stop, driven.signal
    return Stop.DONE, None


def _ended(jobs: list[Job]) -> list[Job]:
    return [job for job in jobs if job.state in ("succeeded", "failed", "cancelled", "parked")]


def _stopped(ran: Ran, stop: Stop) -> Ran:
    if stop is Stop.TIMEOUT:
        ran.exit_code, ran.outcome = EXIT_NOT_IN_TIME, "deadline"
        ran.reasons = ("deadline", *ran.reasons)
    elif stop is Stop.INTERRUPTED and ran.signal is not None:
        ran.exit_code, ran.outcome = 128 + ran.signal, "interrupted"
    return ran
