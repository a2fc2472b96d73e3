"""The night as the morning after sees it: the report, what was unusual, and the nights before."""

from __future__ import annotations

import dataclasses
import json
from collections import Counter
from typing import Any

from bydawn.core.usual import LEAST_NIGHTS
from bydawn.core.values import value
from bydawn.store import nights as past_nights
from bydawn.store import spending, timeline, totals
from bydawn.store.nights import Night
from bydawn.store.store import Batch
from bydawn.store.timeline import LostTries
from bydawn.watch.amounts import decimal, rfc3339
from bydawn.watch.audit import head_now
from bydawn.watch.documents import Reading
from bydawn.watch.report import Report, gather, headline
from bydawn.watch.unusual import NIGHTS, Comparison, Finding, compare

_LISTED = 5
Shares = tuple[tuple[str, int], ...]


@value
class Morning:
    """Everything the report of a night tells. ``nights`` are the newest first, tonight included;
    ``shares`` is what was spent by model and by each tag, the largest first; ``head`` is where the
    journal's chain ends."""

    report: Report
    comparison: Comparison
    lost: tuple[LostTries, ...]
    lost_count: int
    nights: tuple[Night, ...]
    shares: dict[str, Shares]
    price_lists: tuple[str, ...]
    head: str | None = None
    next_at: int | None = None

    @property
    def earlier(self) -> tuple[Night, ...]:
        return self.nights[1:]


def gather_morning(reading: Reading, batch: Batch, next_at: int | None = None) -> Morning:
    """Look at a night from all sides; bounded by the size of that night, not by those before.
    ``next_at`` is when the next one begins, where that is known."""
    session, number = reading.store.session, batch.number
    # One question after another: a snapshot over all of them would keep a file's writers waiting.
    nights = _nights(reading, batch)
    return Morning(
        report=gather(reading, batch),
        comparison=compare(reading.store, batch, nights[1:]),
        lost=tuple(timeline.lost_tries(session, number, _LISTED)),
        lost_count=timeline.count_lost(session, number),
        nights=nights,
        shares=_shares(reading, batch),
        price_lists=tuple(totals.price_lists(session, number)),
        head=head_now(session),
        next_at=next_at,
    )


def morning_document(morning: Morning) -> dict[str, Any]:
    """What the report adds to the batch, for programs: nothing is cut here."""
    report = morning.report
    return {
        "headline": headline(report),
        "needs": [dataclasses.asdict(need) for need in report.needs],
        "expiring": [dataclasses.asdict(need) for need in report.expiring],
        "unusual": [_told(finding) for finding in morning.comparison.findings],
        "compared": {
            "nights": morning.comparison.nights,
            "jobs": morning.comparison.compared,
            "needed_nights": LEAST_NIGHTS,
        },
        "assumed_usd": decimal(report.assumed_micros),
        "over_own_cap": [
            {"job": one.name, "usd": decimal(one.cost_micros), "cap_usd": decimal(one.cap_micros)}
            for one in report.dearer
        ],
        "retries": report.repeats,
        "next_at": rfc3339(morning.next_at),
        "audit_head": morning.head,
        "tokens": report.tokens,
        "shares": {
            name: [{"name": one, "usd": decimal(usd)} for one, usd in shares]
            for name, shares in morning.shares.items()
        },
        "nights": [
            {"edition": night.edition, "opened_at": rfc3339(night.opened_at),
             "usd": decimal(night.usd_micros), "tokens": night.tokens}
            for night in morning.nights
        ],
    }  # fmt: skip


def _told(finding: Finding) -> dict[str, Any]:
    measures = [
        {"measure": one.measure.value, "value": one.value, "usual": one.usual.middle,
         "spread": one.usual.spread, "nights": one.usual.nights}
        for one in finding.strange
    ]  # fmt: skip
    changes = [dataclasses.asdict(change) for change in finding.changes]
    return {"job": finding.name, "since": finding.since, "nights": finding.nights,
            "measures": measures, "changes": changes}  # fmt: skip


def _nights(reading: Reading, batch: Batch) -> tuple[Night, ...]:
    """Tonight first, then those before it."""
    asked = (batch.plan, batch.opened_at, NIGHTS + 1)
    found = past_nights.nights(reading.store.session, *asked)
    tonight = [night for night in found if night.number == batch.number]
    return (*tonight, *(night for night in found if night.number != batch.number))


def _shares(reading: Reading, batch: Batch) -> dict[str, Shares]:
    """Who spent it: by model, and by each tag that was given."""
    found: dict[str, Counter[str]] = {}
    for spec, tags, usd in spending.spent_in(reading.store.session, batch.number):
        model = reading.store.spec(spec).payload.get("model")
        named = {"model": str(model)} if model else {}
        for name, said in {**named, **json.loads(tags)}.items():
            found.setdefault(name, Counter())[str(said)] += usd
    ranked = {name: tuple(counter.most_common()) for name, counter in found.items()}
    return {name: shares for name, shares in ranked.items() if any(usd for _, usd in shares)}
