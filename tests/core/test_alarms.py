"""Once for each cause, together for many jobs, and again while nobody answers."""

from __future__ import annotations

from bydawn.core.alarms import AGAIN_MS, GROUPED_MS, KINDS, Alarms, Due, Happened

T = 1_000_000


def failed(job: int, at: int = T, what: str = "exit_3", **more: str) -> Happened:
    return Happened(at, "judged", job, "running", "failed", more.get("reason", "permanent"), what)


def parked(job: int, at: int = T) -> Happened:
    return Happened(at, "unknowable", job, "launching", "parked", "in_doubt", "unclear")


def told(
    alarms: Alarms, now: int, joined: bool = False, waiting: tuple[int, ...] = ()
) -> list[str]:
    return [_shown(due) for due in alarms.due(now, joined, waiting)]


def _shown(due: Due) -> str:
    return f"{due.cause.name} {due.cause.count} {due.level}"


def test_many_jobs_of_one_cause_are_one_alarm_after_a_moment() -> None:
    alarms = Alarms(KINDS)
    for job in range(30):
        alarms.learn(failed(job, T + job))
    assert told(alarms, T + GROUPED_MS - 1) == []
    assert told(alarms, T + GROUPED_MS) == ["failed:exit_3 30 0"]


def test_two_causes_are_two_alarms() -> None:
    alarms = Alarms(KINDS)
    alarms.learn(failed(1))
    alarms.learn(failed(2, what="timeout"))
    assert told(alarms, T, joined=True) == ["failed:exit_3 1 0", "failed:timeout 1 0"]


def test_a_night_that_is_over_does_not_wait_for_more() -> None:
    alarms = Alarms(KINDS)
    alarms.learn(failed(1))
    assert told(alarms, T) == []
    assert told(alarms, T, joined=True) == ["failed:exit_3 1 0"]


def test_what_waits_for_a_person_is_told_again_until_it_is_answered() -> None:
    alarms = Alarms(KINDS)
    alarms.learn(parked(7))
    at = T + AGAIN_MS[1]
    assert told(alarms, at, waiting=(7,)) == ["parked:unclear 1 0", "parked:unclear 1 1"]
    assert told(alarms, at, waiting=()) == ["parked:unclear 1 0"]
    assert len(told(alarms, T + 100 * AGAIN_MS[3], waiting=(7,))) == len(AGAIN_MS)


def test_a_failure_is_told_once_however_long_it_stands() -> None:
    alarms = Alarms(KINDS)
    alarms.learn(failed(1))
    assert told(alarms, T + 100 * AGAIN_MS[3], waiting=(1,)) == ["failed:exit_3 1 0"]


def test_after_a_persons_decision_the_same_cause_is_told_anew() -> None:
    alarms = Alarms(KINDS)
    alarms.learn(failed(1))
    alarms.learn(Happened(T, "retried", 1, "failed", "queued", None))
    alarms.learn(failed(1))
    assert told(alarms, T, joined=True) == ["failed:exit_3 1 0", "failed:exit_3#1 1 0"]


def test_kinds_nobody_asked_for_are_passed_over() -> None:
    alarms = Alarms(("parked",))
    alarms.learn(failed(1))
    assert told(alarms, T, joined=True) == []


def test_each_kind_is_known_by_its_event() -> None:
    happened = {
        "failed": failed(1),
        "parked": parked(1),
        "budget": failed(1, reason="budget"),
        "deadline": failed(1, reason="deadline"),
        "stalled": Happened(T, "stopped", 1, "running", "queued", "stalled"),
        "fenced": Happened(T, "fenced", 1, None, None, None),
        "recovered": Happened(T, "claimed", 1, "running", "running", None),
    }
    for kind, event in happened.items():
        alarms = Alarms(KINDS)
        alarms.learn(event)
        (due,) = alarms.due(T, True, ())
        assert due.cause.kind == kind


def test_ordinary_events_alarm_nobody() -> None:
    alarms = Alarms(KINDS)
    for event in (
        Happened(T, "intended", 1, "queued", "launching", None),
        Happened(T, "judged", 1, "running", "queued", "backoff"),
        Happened(T, "kept_back", None, None, None, None, "budget"),
        Happened(T, "opened", None, None, None, None),
        Happened(T, "succeeded", 1, "finishing", "succeeded", None),
    ):
        alarms.learn(event)
    assert told(alarms, T, joined=True) == []
