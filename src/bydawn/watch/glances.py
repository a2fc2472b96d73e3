"""Batches at a glance: where each stands, what it spends, who needs you, how its nights went.

Made of sums and of the few jobs that are shown, never of all jobs.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import tzinfo

from bydawn.core.model import Job
from bydawn.core.values import value
from bydawn.store import finding, nights, timeline, totals
from bydawn.store.finding import Tally
from bydawn.watch import drawing, wording
from bydawn.watch.documents import Reading, batch_state, counts_of, standing_of, wall_ms
from bydawn.watch.drawing import Window
from bydawn.watch.markup import Markup
from bydawn.watch.outlook import Outlook
from bydawn.watch.painting import Purse
from bydawn.watch.report import waiting_for
from bydawn.watch.rows import Batch

_GLANCED, _PICTURED, _NIGHTS, _NEEDS = 4, 24, 14, 5
# To count the jobs of a night is to read them all.
_COUNTED = 20_000


@value
class Need:
    """One job a person should look at, and why."""

    job_id: str
    name: str
    state: str
    why: str


@value
class Told:
    """One batch as a line of a list."""

    batch: Batch
    state: str
    counts: dict[str, int]
    wall_ms: int
    usd_micros: int
    tokens: int


@value
class Glance:
    """One batch as a card shows it."""

    told: Told
    purse: Purse
    ends_at: int | None
    needs: tuple[Need, ...]
    waiting: tuple[str, ...]
    nights: tuple[Told, ...]

    @property
    def batch(self) -> Batch:
        return self.told.batch


def glances(reading: Reading) -> list[Glance]:
    """What is not finished, newest first, and otherwise what was opened last."""
    batches = reading.store.batches()
    is_open = [batch for batch in batches if batch.closed_at is None]
    return [glance(reading, batch) for batch in (is_open or batches[:1])[:_GLANCED]]


def glance(reading: Reading, batch: Batch) -> Glance:
    session, bound = reading.store.session, batch.terms.bound
    (tonight,) = told(reading, [batch])
    aside = totals.reserved(session, batch.number)
    is_running = tonight.state == "running"
    return Glance(
        told=tonight,
        purse=Purse(
            tonight.usd_micros, bound.usd_micros, aside, tonight.tokens, bound.tokens
        ),
        ends_at=Outlook(reading.store, batch).ends_at(reading.now) if is_running else None,
        needs=tuple(map(_need, finding.troubled(session, batch.number, _NEEDS))),
        waiting=tuple(wording.waiting(waiting_for(reading, batch))),
        nights=(*reversed(_earlier(reading, tonight)), tonight),
    )  # fmt: skip


def _earlier(reading: Reading, tonight: Told) -> list[Told]:
    """The nights before, newest first: fewer of them where a night has very many jobs."""
    most = min(_NIGHTS, _COUNTED // max(1, sum(tonight.counts.values())))
    batches = reading.store.batches(tonight.batch.plan)
    before = [one for one in batches if one.number < tonight.batch.number]
    return told(reading, before[: max(0, most - 1)])


def _need(job: Job) -> Need:
    return Need(job.job_id, job.name, job.state, wording.trouble(job))


def told(reading: Reading, batches: Sequence[Batch]) -> list[Told]:
    """Batches as lines of a list; the cost does not depend on what a job holds."""
    if not batches:
        return []
    session, numbers = reading.store.session, [batch.number for batch in batches]
    tallies = finding.tallies(session, numbers)
    spent = nights.these(session, numbers)
    return [_told(reading, one, tallies[one.number], spent[one.number]) for one in batches]


def _told(reading: Reading, batch: Batch, tally: Tally, spent: nights.Night) -> Told:
    counts, state = tally.counts, "finished"
    if batch.closed_at is None:
        standing = standing_of(reading, batch)
        counts, state = counts_of(standing), batch_state(reading, batch, standing)
    took = wall_ms(reading, batch, state, tally.last_at)
    return Told(batch, state, counts, took, spent.usd_micros, spent.tokens)


def night_picture(reading: Reading, batch: Batch, zone: tzinfo | None) -> Markup | None:
    """Who ran when, as far as a picture can show it; None before anything ran."""
    session = reading.store.session
    spans = timeline.spans(session, batch.number, _PICTURED)
    if not spans:
        return None
    last = max(span.ended_at or reading.now for span in spans)
    window = Window(min(batch.opened_at, spans[0].started_at), last, zone)
    return drawing.timeline(spans, timeline.moments(session, batch.number), window)


def cost_picture(reading: Reading, batch: Batch) -> Markup | None:
    """What the newest nights of its plan cost."""
    found = nights.nights(reading.store.session, batch.plan, batch.opened_at, _NIGHTS)
    return drawing.costs(found, batch.terms.bound.usd_micros)
