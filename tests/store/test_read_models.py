"""What the report and cost are made of, on both kinds of store: the same whole numbers."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

from filling import FAILED, LAUNCHED, Hand, again, planned, spec, succeed

from bydawn.core.keys import job_key
from bydawn.core.model import Bound, JobSpec, PlannedJob
from bydawn.core.sightings import Usage
from bydawn.store import nights, spending, timeline, totals
from bydawn.store.store import Store

Opener = Callable[[], Store]
USAGE = Usage({"input_tokens": 900, "output_tokens": 100}, 250_000)
BOUND = Bound(usd_micros=400_000)


def night(store: Store, hand: Hand, day: int, *specs: JobSpec) -> int:
    """A night of jobs that go well at the first try, but ``flaky`` and ``bad``."""
    edition = f"2026-11-{day:02}"
    jobs = [
        PlannedJob(one.id, one.id, job_key("night", edition, one.id, []), None, '{"site": "a"}', n,
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
