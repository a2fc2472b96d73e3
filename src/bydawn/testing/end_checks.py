"""The part of the backends' contract that is about how runs end, and what outlives them."""

from __future__ import annotations

from bydawn.core.sightings import Alive
from bydawn.testing.stage import Stage, demand, launched, outcome_of, request_of, seen


def a_cancel_ends_the_run_and_is_harmless_twice(stage: Stage) -> None:
    backend = stage.backend()
    handle = launched(backend, request_of(stage, "cancelled"))
    answer = backend.cancel(handle, "timeout")
    demand(answer.asked, f"it was not asked: {answer}")
    ended = outcome_of(backend, handle)
    demand(ended.outcome.failure is not None, "a run that was ended has not succeeded")
    backend.cancel(handle, "timeout")
    demand(outcome_of(backend, handle).outcome.failure is not None, "and does not later on")
    backend.close()


def a_cancel_that_comes_too_late_changes_nothing(stage: Stage) -> None:
    backend = stage.backend()
    handle = launched(backend, request_of(stage, "too-late"))
    stage.finish(handle)
    outcome_of(backend, handle)
    backend.cancel(handle, "timeout")
    demand(outcome_of(backend, handle).outcome.failure is None, "what ended well ended well")
    backend.close()


def output_may_be_fetched_again(stage: Stage) -> None:
    backend, request = stage.backend(), request_of(stage, "fetched")
    handle = launched(backend, request)
    stage.finish(handle)
    outcome_of(backend, handle)
    folder = stage.folder / "collected"
    folder.mkdir()
    for _ in range(2):
        failure = backend.collect(request, handle, str(folder))
        demand(failure is None, f"its output could not be fetched: {failure}")
    backend.close()


def closing_ends_no_run(stage: Stage) -> None:
    backend = stage.backend()
    handle = launched(backend, request_of(stage, "closed"))
    backend.close()
    backend.close()
    other = stage.backend()
    seen(other, handle, Alive)
    stage.finish(handle)
    outcome_of(other, handle)
    other.close()
