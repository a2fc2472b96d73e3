"""The suite a backend must pass, whoever wrote it. It needs nothing but a stage.

    from bydawn.testing.backend_contract import CHECKS
    from bydawn.testing.stage import Stage

    @pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
    def test_contract(check, tmp_path):
        with MyStage(tmp_path) as stage:
            check(stage)

A stage is the world the backend works in: it makes backends, says how many runs a launch key really
has, and can make things go wrong. What a stage cannot do it leaves as it is, and the checks that
need it pass by.
"""

from __future__ import annotations

import threading
from collections.abc import Callable

from bydawn.core.sightings import (
    Absent,
    Alive,
    Ended,
    Found,
    Guarantee,
    Launched,
    LaunchRefused,
    LaunchUnclear,
    Repeatable,
    Unknown,
    Vanished,
)
from bydawn.testing.end_checks import (
    a_cancel_ends_the_run_and_is_harmless_twice,
    a_cancel_that_comes_too_late_changes_nothing,
    closing_ends_no_run,
    output_may_be_fetched_again,
)
from bydawn.testing.stage import (
    Stage,
    answer_to,
    demand,
    found,
    launched,
    outcome_of,
    ready,
    request_of,
    seen,
)

_EFFECTS = ("none", "gated", "outside")
_KNOWS_KEYS = (Guarantee.KEYED, Guarantee.LOCAL_CLAIM, Guarantee.TWO_PHASE, Guarantee.SEARCHABLE)
_REPLAYS = (Guarantee.KEYED, Guarantee.LOCAL_CLAIM)


def it_declares_itself(stage: Stage) -> None:
    backend = stage.backend()
    declared = backend.capabilities
    demand(bool(backend.name), "name is a text")
    demand(declared.default_effects in _EFFECTS, f"default_effects is one of {_EFFECTS}")
    demand(declared.settle_ms >= 0, "settle_ms is a length")
    if declared.guarantee is Guarantee.SEARCHABLE:
        demand(declared.settle_ms > 0, "what is found by searching is not there at once: settle_ms")
    backend.close()


def a_launch_is_one_run_that_lives_and_ends_well(stage: Stage) -> None:
    backend, request = stage.backend(), request_of(stage, "one")
    handle = launched(backend, request)
    demand(stage.runs_of(request.launch_key) == 1, "a launch is one run")
    demand(isinstance(backend.poll(handle), Alive), "it lives until it ends")
    stage.finish(handle)
    outcome = outcome_of(backend, handle).outcome
    demand(outcome.failure is None, f"it ended well and is told as {outcome.failure}")
    demand(all(count >= 0 for count in outcome.usage.tokens.values()), "counts are not negative")
    backend.close()


def the_end_is_told_again_and_again(stage: Stage) -> None:
    backend = stage.backend()
    handle = launched(backend, request_of(stage, "again"))
    stage.finish(handle)
    first = outcome_of(backend, handle)
    demand(backend.poll(handle) == first, "an end that was told once does not change")
    other = stage.backend()
    demand(outcome_of(other, handle).outcome.failure is None, "any process sees the same end")
    backend.close()
    other.close()


def a_handle_is_enough_for_another_process(stage: Stage) -> None:
    backend = stage.backend()
    handle = launched(backend, request_of(stage, "handed-on"))
    backend.close()
    other = stage.backend()
    seen(other, handle, Alive)
    stage.finish(handle)
    outcome_of(other, handle)
    other.close()


def what_was_never_launched_is_never_found(stage: Stage) -> None:
    backend, request = stage.backend(), request_of(stage, "never")
    if backend.capabilities.guarantee is Guarantee.TWO_PHASE:
        request = ready(backend, request)
    answer = found(backend, request)
    demand(not isinstance(answer, Found), f"find answered {answer} for what was never launched")
    is_blind = backend.capabilities.guarantee is Guarantee.BLIND
    proves = isinstance(answer, Absent | Repeatable)
    demand(not (is_blind and proves), "who is blind cannot prove an absence")
    backend.close()


def another_process_finds_what_was_launched(stage: Stage) -> None:
    backend, request = stage.backend(), request_of(stage, "sought")
    if backend.capabilities.guarantee is Guarantee.BLIND:
        return
    request = ready(backend, request)
    answer = answer_to(backend, request)
    assert isinstance(answer, Launched)
    backend.close()
    other = stage.backend()
    sought = found(other, request)
    if backend.capabilities.guarantee is Guarantee.KEYED and not isinstance(sought, Found):
        other.close()
        return  # it is found by launching again, which another check proves
    demand(sought == Found(answer.handle), f"find answered {sought}, not {answer.handle}")
    other.close()


def launching_again_under_one_key_is_one_run(stage: Stage) -> None:
    backend, request = stage.backend(), request_of(stage, "twice")
    if backend.capabilities.guarantee not in _REPLAYS:
        return
    other = stage.backend()
    first, again = launched(backend, request), answer_to(other, request)
    demand(not isinstance(again, LaunchRefused), "what runs already is not told as refused")
    second = again.handle if isinstance(again, Launched) else None
    if second is None:
        sought = found(other, request)
        second = sought.handle if isinstance(sought, Found) else None
    demand(first == second, "the same launch key is the same run")
    demand(stage.runs_of(request.launch_key) == 1, "and no second one was started")
    backend.close()
    other.close()


def a_lost_answer_never_makes_a_second_run(stage: Stage) -> None:
    """What a runner does: find, and launch again only what is absent."""
    backend, request = stage.backend(), request_of(stage, "lost")
    request = ready(backend, request)
    if not stage.lose_next_answer():
        return
    try:
        answer: object = answer_to(backend, request)
    except Exception as error:
        answer = LaunchUnclear(str(error))
    demand(not isinstance(answer, LaunchRefused), "a refusal is certain, and this run was started")
    backend.close()
    other = stage.backend()
    if not isinstance(answer, Launched):
        sought = found(other, request)
        knows = backend.capabilities.guarantee in _KNOWS_KEYS
        demand(knows or isinstance(sought, Unknown), f"nobody could know, and find said {sought}")
        if isinstance(sought, Absent | Repeatable):
            launched_again = answer_to(other, request)
            demand(isinstance(launched_again, Launched), f"again: {launched_again}")
    demand(stage.runs_of(request.launch_key) == 1, "one launch key has one run")
    other.close()


def a_refusal_started_nothing(stage: Stage) -> None:
    backend, request = stage.backend(), request_of(stage, "refused")
    request = ready(backend, request)
    if not stage.refuse_next():
        return
    answer = answer_to(backend, request)
    demand(isinstance(answer, LaunchRefused), f"what was refused was told as {answer}")
    assert isinstance(answer, LaunchRefused)
    demand(answer.failure.message, "a refusal says why")
    demand(stage.runs_of(request.launch_key) == 0, "and started nothing")
    backend.close()


def a_look_in_vain_ends_nothing(stage: Stage) -> None:
    backend = stage.backend()
    handle = launched(backend, request_of(stage, "in-vain"))
    if not stage.blind_next_look("poll"):
        return
    try:
        sighting: object = backend.poll(handle)
    except Exception:
        sighting = None
    demand(not isinstance(sighting, Ended | Vanished), f"a look in vain was told as {sighting}")
    stage.finish(handle)
    outcome_of(backend, handle)
    backend.close()


def a_listing_that_fails_proves_no_absence(stage: Stage) -> None:
    backend, request = stage.backend(), request_of(stage, "unread")
    if backend.capabilities.guarantee is Guarantee.BLIND:
        return
    request = ready(backend, request)
    if not stage.blind_next_look("find"):
        return
    try:
        answer: object = backend.find(request)
    except Exception:
        answer = None
    demand(not isinstance(answer, Absent), "a listing that could not be read proves nothing")
    backend.close()


def a_run_nobody_knows_has_not_ended_well(stage: Stage) -> None:
    backend = stage.backend()
    try:
        sighting: object = backend.poll("no-such-handle")
    except Exception:
        sighting = None
    is_good = isinstance(sighting, Ended) and sighting.outcome.failure is None
    demand(not is_good, "a run that never was is told as a success")
    backend.close()


def many_threads_may_look_at_once(stage: Stage) -> None:
    backend = stage.backend()
    handles = [launched(backend, request_of(stage, f"thread-{n}")) for n in range(4)]
    wrong: list[str] = []

    def look(handle: str) -> None:
        for _ in range(5):
            sighting = backend.poll(handle)
            if not isinstance(sighting, Alive):
                wrong.append(f"{handle}: {sighting}")

    threads = [threading.Thread(target=look, args=(handle,)) for handle in handles]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    demand(not wrong, f"looked at together, they showed {wrong}")
    for handle in handles:
        stage.finish(handle)
        outcome_of(backend, handle)
    backend.close()


def a_reservation_runs_nothing_and_holds_one_run(stage: Stage) -> None:
    backend, request = stage.backend(), request_of(stage, "reserved")
    if backend.capabilities.guarantee is not Guarantee.TWO_PHASE:
        return
    ready(backend, request)
    request = ready(backend, request)
    demand(stage.runs_of(request.launch_key) == 0, "a reservation starts nothing")
    first, second = answer_to(backend, request), answer_to(backend, request)
    demand(isinstance(first, Launched), f"the second call answered {first}")
    demand(stage.runs_of(request.launch_key) == 1, f"one container, one run; again: {second}")
    backend.close()


CHECKS: tuple[Callable[[Stage], None], ...] = (
    it_declares_itself,
    a_launch_is_one_run_that_lives_and_ends_well,
    the_end_is_told_again_and_again,
    a_handle_is_enough_for_another_process,
    what_was_never_launched_is_never_found,
    another_process_finds_what_was_launched,
    launching_again_under_one_key_is_one_run,
    a_lost_answer_never_makes_a_second_run,
    a_refusal_started_nothing,
    a_look_in_vain_ends_nothing,
    a_listing_that_fails_proves_no_absence,
    a_cancel_ends_the_run_and_is_harmless_twice,
    a_cancel_that_comes_too_late_changes_nothing,
    a_run_nobody_knows_has_not_ended_well,
    many_threads_may_look_at_once,
    a_reservation_runs_nothing_and_holds_one_run,
    output_may_be_fetched_again,
    closing_ends_no_run,
)
