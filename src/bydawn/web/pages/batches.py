"""All batches."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from bydawn.watch import glances
from bydawn.watch.amounts import day_and_time, dollars, length
from bydawn.watch.documents import Reading
from bydawn.watch.glances import Told
from bydawn.watch.markup import Markup, element
from bydawn.web import wording
from bydawn.web.layout import Frame, batch_path, link, page, row, start_of, state, table, turning
from bydawn.web.pages.shown import shown

_LISTED = 50
_HEADS = ("Batch", "State", "Opened", "Took", "Succeeded", "Failed", "Parked", "Left", "Cost")
_NUMBERS = range(3, 9)


async def batches(request: Request) -> Response:
    start = start_of(request.query_params)
    return await shown(request, lambda _, reading, frame: _batches(reading, frame, start))


def _batches(reading: Reading, frame: Frame, start: int) -> HTMLResponse:
    found = reading.store.batches()[start : start + _LISTED + 1]
    heading = element("h1", wording.PAGES[1][1])
    if not found:
        return page(frame, "Batches", heading, element("p", wording.EMPTY, class_="empty"))
    rows = map(_batch_row, glances.told(reading, found[:_LISTED]))
    listed = table("Batches", _HEADS, rows, _NUMBERS)
    turns = turning("/batches", {}, start, _LISTED, len(found) > _LISTED)
    return page(frame, "Batches", heading, element("section", listed, *turns))


def _batch_row(one: Told) -> Markup:
    counts, batch = one.counts, one.batch
    left = counts.get("queued", 0) + counts.get("running", 0)
    is_over = one.state == "finished"
    fate = wording.fate(counts) if is_over else "running"
    came_out = state(fate) if is_over else element("span", one.state, class_=f"state {fate}")
    cells = (
        link(batch.address, batch_path(batch.address)), came_out,
        day_and_time(batch.opened_at, None), length(one.wall_ms),
        *(_number(counts.get(name, 0), name) for name in ("succeeded", "failed", "parked")),
        _number(left, "queued"), dollars(one.usd_micros) if one.usd_micros else "",
    )  # fmt: skip
    return row(cells, _NUMBERS)


def _number(number: int, state_: str) -> Markup:
    return element("span", f"{number:,}", class_=f"state {state_}") if number else Markup("")
