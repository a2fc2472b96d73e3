"""Drive a runner over a scope and say how it came out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from bydawn.app.kit import runner_kit
from bydawn.app.place import Place
from bydawn.app.signals import listening
from bydawn.app.values import Invocation, Face, Ran
from bydawn.core.errors import PlanInvalid, Refused
from bydawn.core.join import Joined, Standing, fold
from bydawn.core.model import Job
from bydawn.core.states import TERMINAL, State
from bydawn.runner.drive import Drive, Interrupt, Stop
from bydawn.runner.runner import Runner
from bydawn.runner.scope import Scope
from bydawn.store import read
from bydawn.store.store import Batch, Store

_OVER = frozenset({*(state.value for state in TERMINAL), State.PARKED.value})


@dataclass(slots=True)
class Errand:
    """What to drive: which batches, until when, and whether new jobs may be started."""

    choose: Callable[[], Iterable[int]]
    only: str = ""
    claims: bool = True
    cancels: bool = False
    until_at: int | None = None
    is_done: Callable[[], bool] = lambda: False
    rivals: frozenset[int] = frozenset()


@dataclass(slots=True)
class Driven:
    """How the driving ended. ``others`` are live runners that made it unnecessary."""

    stop: Stop
    signal: int | None = None
    others: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)


def drive(place: Place, invocation: Invocation, store: Store, errand: Errand, face: Face) -> Driven:
    """Be a runner until the errand is done; the store connection is the caller's."""
    with runner_kit(place, invocation.environment) as kit:
        runner = Runner(
            store, Scope(store, errand.choose, errand.only), kit.tools, kit.name, errand.claims
        )
        others = runner.start(errand.rivals)
        if others:
            return Driven(Stop.DONE, others=others)
        interrupt = Interrupt(cancels=errand.cancels)
        journey = Drive(
            runner, interrupt, face.turned, errand.is_done, errand.until_at, kit.rung
        )
        with listening(interrupt, kit.tools.dispatcher.wake):
            stop = journey.run()
        if stop is Stop.INTERRUPTED:
            _name_unwatched(runner, face)
        return Driven(stop, interrupt.signal, [], journey.complaints)


def _name_unwatched(runner: Runner, face: Face) -> None:
    """Runs that go on without us, and until when they may."""
    for held in list(runner.held.values()):
        job = held.job
        if job.handle and not held.backend.capabilities.local:
            face.note(f"goes on unwatched: {job.name} ({held.backend.name} {job.handle[:60]})")


def result_of(store: Store, batch: Batch, driven: Driven, already_done: int) -> Ran:
    """The exit code and outcome of a batch after driving it."""
    ran = outcome_of(store, store.batch(batch.number), already_done)
    ran.notes += driven.complaints
    if driven.stop is Stop.INTERRUPTED and driven.signal is not None:
        ran.exit_code, ran.outcome, ran.signal = 128 + driven.signal, "interrupted", driven.signal
    elif driven.stop is Stop.TIMEOUT:
        ran.exit_code, ran.outcome = 4, "deadline"
    elif driven.stop is Stop.HALTED:
        ran.exit_code, ran.outcome = 7, "cancelled"
    elif driven.complaints:
        ran.exit_code, ran.outcome = PlanInvalid.exit_code, "failed"
    elif driven.stop is Stop.JOINED:
        store.close_batch(batch.number)
    return ran


def outcome_of(store: Store, batch: Batch, already_done: int = 0) -> Ran:
    """How a batch stands, folded."""
    now = store.session.clock.utc_ms()
    standing = read.standing(store.session, batch.number, now, batch.deadline_at)
    joined = fold(standing, batch.terms.allow_failures)
    return Ran(joined.exit_code, joined.outcome, joined.reasons, batch, already_done)


def outcome_of_jobs(jobs: list[Job]) -> Joined:
    """The fold over some jobs that were waited for."""
    found = Counter(job.state for job in jobs)
    standing = Standing(
        succeeded=found["succeeded"],
        failed=found["failed"],
        cancelled=found["cancelled"],
        parked=found["parked"],
    )
    return fold(standing, "0")


def are_over(store: Store, numbers: list[int], mode: str) -> bool:
    """Whether all (or any) of these jobs have ended or wait for a person."""
    ended = (read.job(store.session, number).state in _OVER for number in numbers)
    return all(ended) if mode == "all" else any(ended)


def refuse_if_stopped(is_stopped: bool) -> None:
    if is_stopped:
        raise Refused("everything is stopped (STOP file)", "bydawn stop --clear lifts it")
