"""What the report and cost are made of, on both kinds of store: the same whole numbers."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

from filling import FAILED, LAUNCHED, Hand, again, planned, spec, succeed

from bydawn.core.keys import job_key
from bydawn.core.model import Bound, JobSpec, PlannedJob
from bydawn.core.sightings import Usage
from bydawn.store import finding, nights, notices, spending, timeline, totals
from bydawn.store.finding import Wanted
from bydawn.store.store import Store

Opener = Callable[[], Store]
USAGE = Usage({"input_tokens": 900, "output_tokens": 100}, 250_000)
BOUND = Bound(usd_micros=400_000)


def night(store: Store, hand: Hand, day: int, *specs: JobSpec) -> int:
    """A night of jobs that go well at the first try, but ``flaky`` and ``bad``."""
    edition = f"2026-11-{day:02}"
    jobs = [
        PlannedJob(one.id, one.id, job_key("night", edition, one.id, []), None, '{"site":"a"}', n,
                   "night.toml:1")
        for n, one in enumerate(specs)
    ]  # fmt: skip
    batch = store.open_batch(planned(*specs, edition=edition), jobs).number
    while claimed := hand.claim(batch):
        for job in claimed:
            if job.name == "bad":
                hand.move(job, LAUNCHED, FAILED, usage=Usage())
            elif job.name == "flaky" and job.attempts == 1:
                hand.move(job, LAUNCHED, again(job), usage=Usage())
            else:
                job.cost_micros, job.usage = 250_000, '{"input_tokens": 900, "output_tokens": 100}'
                job.started_at, job.ended_at = day * 1000, day * 1000 + 500
                succeed(hand, job, USAGE)
    return batch


def test_the_same_whole_numbers_on_both_kinds(open_one: Opener) -> None:
    store = open_one()
    hand = Hand(store)
    specs = [dataclasses.replace(spec(name), bound=BOUND) for name in ("good", "flaky", "bad")]
    batches = [night(store, hand, day, *specs) for day in (1, 2, 3)]
    session, newest = store.session, batches[-1]
    opened_at = store.batch(newest).opened_at

    found = nights.nights(session, "night", opened_at, 10)
    assert [one.number for one in found] == batches[::-1]
    assert {type(one.usd_micros) for one in found} == {int}
    tonight = {one.name: one for one in nights.tonight(session, newest, 10)}
    assert tonight["good"].cost_micros == 250_000
    earlier = list(nights.past(session, newest, 10, "night", opened_at + 1, 10))
    assert {one.batch for one in earlier if one.name == "good"} == set(batches)

    spans = timeline.spans(session, newest, 10)
    assert {span.name for span in spans} >= {"good"}
    assert all(type(span.is_last) is bool for span in spans)
    assert list(timeline.moments(session, newest))
    (lost,) = timeline.lost_tries(session, newest, 10)
    assert (lost.name, lost.tries, timeline.count_lost(session, newest)) == ("flaky", 1, 1)

    spent = list(spending.spent_since(session, 0))
    assert {one.batch for one in spent} == set(batches)
    assert {type(one.wasted_micros) for one in spent} == {int}
    assert sum(usd for _, _, usd in spending.spent_in(session, newest)) == (
        totals.money(session, newest).usd_micros
    )
    wasted = sum(one.wasted_micros for one in spent if one.batch == newest)
    assert wasted == totals.money(session, newest).wasted_micros


def test_jobs_are_found_on_both_kinds(open_one: Opener) -> None:
    store = open_one()
    hand = Hand(store)
    specs = [spec(name) for name in ("good", "Zwei_2", "bad")]
    earlier, newest = (night(store, hand, day, *specs) for day in (1, 2))
    session = store.session

    def names(wanted: Wanted, start: int = 0, limit: int = 9) -> list[str]:
        return [job.name for job in finding.found(session, newest, wanted, start, limit)]

    assert names(Wanted()) == ["good", "Zwei_2", "bad"]
    assert names(Wanted(), start=1, limit=1) == ["Zwei_2"]
    assert names(Wanted(state="failed")) == ["bad"]
    assert names(Wanted(state="running")) == []
    assert names(Wanted(tag="site=a", text="ZWEI_")) == ["Zwei_2"]
    for nothing in (
        Wanted(tag="site=b"),
        Wanted(tag="site"),
        Wanted(text="g%d"),
        Wanted(text="_o"),
    ):
        assert names(nothing) == [], nothing

    assert [job.name for job in finding.troubled(session, newest, 5)] == ["bad"]
    # What failed in an earlier night of the plan is history.
    assert [(job.name, job.batch) for job in finding.needy(session, 5)] == [("bad", newest)]
    assert finding.count_needy(session) == 1
    tallies = finding.tallies(session, [earlier, newest])
    assert [tallies[one].counts for one in (earlier, newest)] == [{"succeeded": 2, "failed": 1}] * 2
    assert {type(number) for number in tallies[newest].counts.values()} == {int}
    spent = nights.these(session, [newest, earlier])
    assert {one.usd_micros for one in spent.values()} == {500_000}


def test_what_meters_told_and_what_was_assumed(open_one: Opener) -> None:
    """``bad`` was silent and is charged its cap; the others told all there was."""
    store = open_one()
    specs = [dataclasses.replace(spec(name), bound=BOUND) for name in ("good", "bad")]
    batch = night(store, Hand(store), 1, *specs)
    session = store.session
    assert totals.assumed(session, batch) == BOUND.usd_micros
    (told,) = (
        one for number in totals.specs_of(session, batch)
        for one in totals.dearer_than(session, batch, number, 249_999, 9)
    )  # fmt: skip
    assert told == ("good", 250_000)
    assert {type(told[1]), type(totals.assumed(session, batch))} == {int}
    for number in totals.specs_of(session, batch):
        assert totals.dearer_than(session, batch, number, 250_000, 9) == []


def test_spans_of_a_batch_are_taken_one_parcel_after_another(open_one: Opener) -> None:
    one, other = open_one().session, open_one().session
    assert notices.claim_parcel(one, 1, 0, 17)
    assert not notices.claim_parcel(other, 1, 0, 17)
    assert not notices.claim_parcel(other, 1, 0, 23), "a part of it is under way"
    notices.note_sent(one, notices.parcel_address(1, 17))
    assert not notices.claim_parcel(other, 1, 0, 23), "a part of it was sent"
    assert notices.claim_parcel(other, 1, 17, 23)
    notices.note_sent(other, notices.parcel_address(1, 23))
    notices.forget_parcels_but(other, 1, 23)
    assert notices.parcels(one, 1) == (23, None)
    assert len(notices.told(one, 1)) == 1
    assert notices.claim_parcel(one, 2, 0, 5), "another batch is another matter"
