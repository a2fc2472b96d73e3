"""How what was driven came out: exit codes and outcomes, folded from the store."""

from __future__ import annotations

from collections import Counter

from bydawn.app.names import STOP
from bydawn.app.place import Place
from bydawn.app.runs.errands import Driven
from bydawn.app.values import Ran
from bydawn.core.errors import PlanInvalid, Refused
from bydawn.core.join import Joined, Standing, fold, is_joined
from bydawn.core.model import Job
from bydawn.core.states import TERMINAL, State
from bydawn.runner.stopping import Stop
from bydawn.store import read, stopping
from bydawn.store.store import Batch, Store

_OVER = frozenset({*(state.value for state in TERMINAL), State.PARKED.value})


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
    joined = joined_of(store, batch)
    return Ran(joined.exit_code, joined.outcome, joined.reasons, batch, already_done)


def joined_of(store: Store, batch: Batch) -> Joined:
    """The fold over a batch as it stands now."""
    now = store.session.clock.utc_ms()
    standing = read.standing(store.session, batch.number, now, batch.deadline_at)
    return fold(standing, batch.terms.allow_failures)


def is_over(store: Store, batch: Batch) -> bool:
    """Nothing left to do, seen without starting a runner. What was kept back by a cap or a canary
    may fit through by now."""
    now = store.session.clock.utc_ms()
    standing = read.standing(store.session, batch.number, now, batch.deadline_at)
    unexpanded = any(template.expands for template in store.templates(batch.number))
    kept_back = standing.over_budget or standing.behind_canary
    return is_joined(standing) and not unexpanded and not kept_back


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


def is_stopped(place: Place, store: Store | None) -> bool:
    """Whether a person has stopped this machine, or everything on the store."""
    if (place.state_folder / STOP).exists():
        return True
    return store is not None and stopping.stands(store.session)


def refuse_if_stopped(place: Place, store: Store | None) -> None:
    if is_stopped(place, store):
        file = place.state_folder / STOP
        what = f"this machine ({file})" if file.exists() else f"everything on {place.url}"
        raise Refused(f"{what} is stopped", "bydawn stop --clear lifts it")
