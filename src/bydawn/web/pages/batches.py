"""All batches."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from bydawn.app import App
from bydawn.watch import dashboard
from bydawn.watch.amounts import day_and_time, dollars, length
from bydawn.watch.documents import Reading
from bydawn.watch.markup import Markup, element
from bydawn.watch.rows import Batch
from bydawn.web import wording
from bydawn.web.layout import Frame, batch_path, link, page, row, table
from bydawn.web.pages.shown import shown

_LISTED = 100


async def batches(request: Request) -> Response:
    return await shown(request, _batches)


def _batches(_: App, reading: Reading, frame: Frame) -> HTMLResponse:
    heads = ("Batch", "State", "Opened", "Took", "Succeeded", "Failed", "Parked", "Left", "Cost")
    found = reading.store.batches()
    rows = [_batch_row(reading, batch) for batch in found[:_LISTED]]
    heading = element("h1", wording.PAGES[1][1])
    if not rows:
        return page(frame, "Batches", heading, element("p", wording.EMPTY, class_="empty"))
    listed = table("Batches", heads, rows, range(3, 9))
    left = len(found) - len(rows)
    rest = [element("p", wording.more(left))] if left > 0 else []
    return page(frame, "Batches", heading, element("section", listed), *rest)


def _batch_row(reading: Reading, batch: Batch) -> Markup:
    report = dashboard.glance(reading, batch).report
    counts = report.counts
    left = counts["queued"] + counts["running"]
    name = link(batch.address, batch_path(batch.address))
    cells = (
        name, report.state, day_and_time(batch.opened_at, None), length(report.wall_ms),
        *(f"{number:,}" if number else "" for number in (counts["succeeded"], counts["failed"],
          counts["parked"], left)), dollars(report.money.usd_micros),
    )  # fmt: skip
    return row(cells, range(3, 9))
