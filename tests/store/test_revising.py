"""A plan that changes while it is worked on: what is new, changed, withdrawn, listed again."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from filling import (
    FAILED,
    LAUNCHED,
    LOST,
    Hand,
    again,
    fail,
    fill,
    kinds,
    listed,
    named,
    planned,
    spec,
    succeed,
)

from bydawn.core.errors import PlanInvalid
from bydawn.core.model import Bound, PlannedJob
from bydawn.runner.scope import Scope
from bydawn.store import read
from bydawn.store.rows import NEVER
from bydawn.store.store import Store
from bydawn.testing.virtual import HandWoundClock


@pytest.fixture
def hand(store: Store) -> Hand:
    return Hand(store)


def version_of(store: Store, batch: int, name: str = "work") -> int:
    """What the job was last run with, or would be."""
    return int(store.spec(named(store, batch, name).spec).payload["version"])


def test_the_same_plan_again_changes_nothing_but_its_revision(store: Store) -> None:
    one = spec()
    batch = fill(store, one, count=3)
    before = list(read.jobs(store.session, batch))
    opened = store.open_batch(planned(one), listed(one, count=3))
    assert (opened.number, opened.is_new, opened.revision) == (batch, False, 2)
    assert list(read.jobs(store.session, batch)) == before
    assert len(store.batches()) == 1


def test_of_two_who_open_one_plan_at_once_the_second_finds_it_recorded(
    open_one: Callable[[], Store], clock: HandWoundClock
) -> None:
    """Both had looked before either had written; the second then wrote every job once more."""
    first, second, one = open_one(), open_one(), spec()
    whole = planned(one, fingerprint="f", deadline_at=clock.utc_ms() + 1_000)
    made = first.open_batch(whole, listed(one, count=3))
    before = list(read.jobs(first.session, made.number))
    found = second.open_batch(whole, listed(one, count=3))
    assert (found.number, found.is_new, found.revision) == (made.number, False, 1)
    assert list(read.jobs(first.session, made.number)) == before
    assert "revised" not in kinds(first, made.number)
    other = planned(one, fingerprint="g")
    assert second.open_batch(other, listed(one, count=2)).revision == 2
    clock.wind(1_000)
    late = planned(one, fingerprint="g", deadline_at=clock.utc_ms() + 5_000)
    assert second.open_batch(late, listed(one, count=2)).revision == 3


def test_what_was_run_in_front_and_is_then_left_to_the_background_is_noted(store: Store) -> None:
    """Else the background runner finds nothing that is its, and a night does not go on."""
    whole, jobs = planned(spec(), fingerprint="f"), listed(spec())
    batch = store.open_batch(whole, jobs).number
    assert not store.batch(batch).background
    store.open_batch(whole, jobs, background=True)
    assert store.batch(batch).background
    revision = store.batch(batch).revision
    assert store.open_batch(whole, jobs, background=True).revision == revision
    assert store.open_batch(whole, jobs).revision == revision


def test_a_plan_may_lie_elsewhere_on_another_machine(open_one: Callable[[], Store]) -> None:
    """Two laptops have their clones in different places; each runs with its own."""
    one, two, unknown, work = open_one(), open_one(), open_one(), spec()
    one.machine, two.machine = "m_1", "m_2"
    batch = one.open_batch(planned(work, folder="/a", fingerprint="f"), listed(work)).number
    found = two.open_batch(planned(work, folder="/b", fingerprint="f"), listed(work))
    assert (found.number, found.revision) == (batch, 1)
    for store, folder in ((one, "/a"), (two, "/b")):
        assert Scope(store, lambda: [batch]).place_of(batch).plan_folder == folder
        assert store.batch(batch).folder == "/a"
    for store, elsewhere in ((one, "/b"), (two, "/c"), (unknown, "/b")):
        with pytest.raises(PlanInvalid, match="was run in this store from /a"):
            store.open_batch(planned(work, folder=elsewhere), listed(work))
    two.open_batch(planned(work, folder="/b", fingerprint="g"), listed(work))
    assert (two.batch(batch).folder, two.batch(batch).revision) == ("/a", 2)


def test_a_changed_payload_of_a_queued_job_is_what_is_launched(store: Store, hand: Hand) -> None:
    batch = fill(store, spec(version=1))
    fill(store, spec(version=2))
    (job,) = hand.claim(batch)
    assert store.spec(job.spec).payload == {"version": 2}
    assert version_of(store, batch) == 2
    assert "revised" in kinds(store, batch)


def test_a_batch_that_somebody_joined_is_claimed_from_in_as_few_questions(
    store: Store, hand: Hand, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each `run` of a plan raises its revision; each job then cost a question of its own."""
    batch = fill(store, spec(), count=8)
    asked: list[str] = []
    real = store.session.row
    monkeypatch.setattr(
        store.session, "row", lambda sql, given=(): (asked.append(sql), real(sql, given))[1]
    )
    assert len(hand.claim(batch, room=4)) == 4
    alone = len(asked)
    fill(store, spec(), count=8)
    asked.clear()
    assert len(hand.claim(batch, room=4)) == 4
    assert len(asked) <= alone


def test_a_payload_is_frozen_for_its_generation_and_changes_with_the_next(
    store: Store, hand: Hand
) -> None:
    batch = fill(store, spec(version=1))
    (job,) = hand.claim(batch)
    fill(store, spec(version=2))
    assert version_of(store, batch) == 1
    from bydawn.core.decide import Move
    from bydawn.core.states import Event, State

    assert hand.move(job, Move(Event.ABSENT, State.QUEUED, None, {"runner": None})) == set()
    (job,) = hand.claim(batch)
    assert store.spec(job.spec).payload == {"version": 1}
    hand.move(job, LAUNCHED, again(job))
    (job,) = hand.claim(batch)
    assert store.spec(job.spec).payload == {"version": 2}


def test_a_runner_whose_view_is_old_launches_what_the_store_says(store: Store, hand: Hand) -> None:
    """The plan is revised between a runner's look at its batch and its claim."""
    from bydawn.store.writing import Turn

    batch = fill(store, spec(version=1))
    seen = hand.open(batch)
    fill(store, spec(version=2))
    taken = hand.write(Turn(claims=[(seen, 10)])).claimed
    for job in taken:
        assert job.spec == named(store, batch, "work").spec
        assert store.spec(job.spec).payload == {"version": 2}


def test_nothing_is_claimed_in_a_batch_that_was_paused_since_the_look(
    store: Store, hand: Hand
) -> None:
    from bydawn.store.writing import Turn

    batch = fill(store, spec())
    seen = hand.open(batch)
    store.pause(batch, True)
    assert hand.write(Turn(claims=[(seen, 10)])).claimed == []


def test_a_finished_job_whose_payload_changed_is_shown_and_not_redone(
    store: Store, hand: Hand
) -> None:
    batch = fill(store, spec(version=1))
    (job,) = hand.claim(batch)
    succeed(hand, job)
    fill(store, spec(version=2))
    assert read.changed(store.session, batch, "succeeded") == [job.number]
    assert hand.claim(batch) == []
    fill(store, spec(version=1))
    assert read.changed(store.session, batch, "succeeded") == []


def test_doing_a_changed_job_again_is_a_new_revision_with_the_new_payload(
    store: Store, hand: Hand
) -> None:
    batch = fill(store, spec(version=1))
    (job,) = hand.claim(batch)
    succeed(hand, job)
    fill(store, spec(version=2))
    assert store.retry(job.number, hand.chance.nonce)
    (job,) = hand.claim(batch)
    assert (job.revision, job.generation) == (2, 2)
    assert store.spec(job.spec).payload == {"version": 2}


def test_a_withdrawn_job_is_out_of_counts_and_never_started(store: Store, hand: Hand) -> None:
    batch = fill(store, spec("a"), spec("b"))
    fill(store, spec("a"))
    assert [job.name for job in read.jobs(store.session, batch)] == ["a"]
    assert read.standing(store.session, batch, 0, None).queued == 1
    assert [job.name for job in hand.claim(batch)] == ["a"]


def test_a_job_withdrawn_while_it_runs_is_not_started_again(store: Store, hand: Hand) -> None:
    batch = fill(store, spec("a"), spec("b"))
    jobs = {job.name: job for job in hand.claim(batch)}
    fill(store, spec("a"))
    assert hand.move(jobs["b"], LAUNCHED, again(jobs["b"])) == set()
    assert hand.claim(batch) == []
    job = named(store, batch, "b")
    assert (job.state, job.reason, job.not_before) == ("queued", "withdrawn", NEVER)
    fill(store, spec("a"), spec("b"))
    assert [job.name for job in hand.claim(batch)] == ["b"]


@pytest.mark.parametrize("ending", [FAILED, LOST], ids=["failed", "parked"])
def test_a_withdrawn_job_that_a_person_retries_waits_to_be_listed(
    store: Store, hand: Hand, ending: object
) -> None:
    from bydawn.core.decide import Move

    assert isinstance(ending, Move)
    batch = fill(store, spec("a"), spec("b"))
    jobs = {job.name: job for job in hand.claim(batch)}
    hand.move(jobs["b"], LAUNCHED, ending)
    fill(store, spec("a"))
    if ending is FAILED:
        store.retry(jobs["b"].number, hand.chance.nonce)
    else:
        store.resolve(jobs["b"].number, "retry", "again", hand.chance.nonce)
    assert hand.claim(batch) == []
    assert named(store, batch, "b").reason == "withdrawn"


def test_a_decision_overtakes_a_cancel_that_was_asked_for_before(store: Store, hand: Hand) -> None:
    """Or what a person starts again would be cancelled in the queue."""
    batch = fill(store, spec("a"))
    (job,) = hand.claim(batch)
    hand.move(job, LAUNCHED)
    assert store.cancel(job.number, hand.chance.nonce)
    hand.move(job, LOST)
    store.resolve(job.number, "retry", "again", hand.chance.nonce)
    assert store.wishes([batch]) == {}
    assert [job.name for job in hand.claim(batch)] == ["a"]


def test_a_withdrawn_finished_job_stays_done_when_it_is_listed_again(
    store: Store, hand: Hand
) -> None:
    batch = fill(store, spec("a"), spec("b"))
    for job in hand.claim(batch):
        succeed(hand, job)
    fill(store, spec("a"))
    fill(store, spec("a"), spec("b"))
    assert [job.state for job in read.jobs(store.session, batch)] == ["succeeded"] * 2
    assert hand.claim(batch) == []


def test_a_part_of_a_plan_withdraws_nothing(store: Store, hand: Hand) -> None:
    both = (spec("a"), spec("b"))
    batch = fill(store, *both)
    store.open_batch(planned(*both), listed(both[0]), is_partial=True)
    assert sorted(job.name for job in hand.claim(batch)) == ["a", "b"]


def test_only_limits_what_a_claim_takes(store: Store, hand: Hand) -> None:
    batch = fill(store, spec("a"), spec("b"), spec("bb"))
    assert sorted(job.name for job in hand.claim(batch, only="b*")) == ["b", "bb"]


def test_a_job_whose_pool_changed_while_it_ran_can_be_started_again(
    store: Store, hand: Hand
) -> None:
    """Its slots were taken in the old pool; the queue it goes back to must be one that is asked."""
    batch = fill(store, spec(pool="old"), pools=())
    (job,) = hand.claim(batch)
    fill(store, spec(pool="new"))
    hand.move(job, LAUNCHED, again(job))
    assert len(hand.claim(batch)) == 1


def test_a_bound_that_was_raised_is_what_the_next_launch_reserves(store: Store, hand: Hand) -> None:
    batch = fill(store, spec(version=1, bound=Bound(usd_micros=10)), bound=Bound(usd_micros=100))
    fill(store, spec(version=2, bound=Bound(usd_micros=70)), bound=Bound(usd_micros=100))
    (job,) = hand.claim(batch)
    assert job.reserved_micros == 70


def test_duplicate_keys_name_both_places_and_leave_nothing(store: Store) -> None:
    one = spec()
    twice = [*listed(one, count=2), *listed(one, count=1)]
    first = twice[0]
    copy = PlannedJob(first.template, "copy", first.key, None, "{}", 9, "night.toml:99")
    with pytest.raises(PlanInvalid) as caught:
        store.open_batch(planned(one), [*twice, copy])
    assert "night.toml:99" in str(caught.value)
    assert "night.toml:1" in str(caught.value)
    assert store.batches() == []
    assert kinds(store) == []


def test_duplicate_keys_of_a_revised_plan_are_refused_too(store: Store) -> None:
    one = spec()
    batch = fill(store, one, count=2)
    first, second = listed(one, count=2)
    copy = PlannedJob(first.template, "copy", first.key, None, "{}", 9, "night.toml:99")
    new = [
        PlannedJob(one.id, f"n{n}", "ab" * 32, None, "{}", n, f"night.toml:{n}") for n in (50, 51)
    ]
    for doubled in ([first, second, copy], [first, second, *new]):
        with pytest.raises(PlanInvalid):
            store.open_batch(planned(one), doubled)
    assert store.batch(batch).revision == 1


def test_a_plan_name_belongs_to_its_folder(store: Store) -> None:
    one = spec()
    store.open_batch(planned(one), listed(one))
    with pytest.raises(PlanInvalid, match="--adopt"):
        store.open_batch(planned(one, folder="/elsewhere"), listed(one))
    store.open_batch(planned(one, folder="/elsewhere"), listed(one), adopt_folder=True)
    assert store.batches()[0].folder == "/elsewhere"


def test_one_batch_per_plan_and_edition(store: Store) -> None:
    """I16."""
    one = spec()
    for edition in ("2026-11-19", "2026-11-20", "2026-11-19"):
        key = PlannedJob(one.id, one.id, f"{edition}{'0' * 54}", None, "{}", 0, "p:1")
        store.open_batch(planned(one, edition=edition), [key])
    assert sorted(batch.edition for batch in store.batches()) == ["2026-11-19", "2026-11-20"]


def test_a_deadline_is_fixed_when_the_batch_opens_and_set_anew_only_after_it_passed(
    store: Store, clock: HandWoundClock
) -> None:
    one, start = spec(), clock.utc_ms()
    batch = store.open_batch(planned(one, deadline_at=start + 100), listed(one)).number
    store.open_batch(planned(one, deadline_at=start + 900), listed(one))
    assert store.batch(batch).deadline_at == start + 100
    clock.wind(101)
    store.open_batch(planned(one, deadline_at=start + 900), listed(one))
    assert store.batch(batch).deadline_at == start + 900


def test_retrying_a_failed_job_forgets_its_faults_and_its_error(store: Store, hand: Hand) -> None:
    batch = fill(store, spec())
    (job,) = hand.claim(batch)
    fail(hand, job)
    assert store.retry(job.number, hand.chance.nonce)
    job = named(store, batch, "work")
    assert (job.state, job.faults, job.error_code, job.generation) == ("queued", 0, None, 2)
    assert not store.retry(job.number, hand.chance.nonce)
