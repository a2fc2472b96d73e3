"""One batch: at a glance, its nights, its jobs."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from bydawn.app import App
from bydawn.watch import dashboard, glances
from bydawn.watch.amounts import count, dollars, length
from bydawn.watch.dashboard import JobRow
from bydawn.watch.documents import Reading
from bydawn.watch.markup import Markup, element
from bydawn.watch.rows import Batch, Wanted
from bydawn.web import wording
from bydawn.web.layout import (
    Frame,
    batch_path,
    button,
    card,
    chosen,
    form,
    job_path,
    link,
    page,
    row,
    start_of,
    state,
    sure,
    table,
    turning,
)
from bydawn.web.pages.glance import plain_card
from bydawn.web.pages.shown import shown

_LISTED = 100
_HEADS = ("State", "Job", "Try", "Took", "Tokens", "Cost", "Why")
_NUMBERS = (2, 3, 4, 5)


async def batch(request: Request) -> Response:
    asked = request.query_params
    wanted = Wanted(chosen(asked, "state"), chosen(asked, "tag"), chosen(asked, "q"))
    start = start_of(asked)
    address = request.path_params["address"]

    def look(app: App, reading: Reading, frame: Frame) -> Response:
        found = app.batch_at(address)
        return _batch(reading, frame, found, wanted, start)

    return await shown(request, look)


def _batch(
    reading: Reading, frame: Frame, found: Batch, wanted: Wanted, start: int
) -> HTMLResponse:
    rows = dashboard.job_rows(reading, found, wanted, start, _LISTED + 1)
    listed = table("Jobs", _HEADS, [_job_cells(job) for job in rows[:_LISTED]], _NUMBERS)
    query = {"state": wanted.state, "tag": wanted.tag, "q": wanted.text}
    cost = glances.cost_picture(reading, found)
    content = [
        element("h1", found.address),
        plain_card(reading, glances.glance(reading, found)),
        _batch_acts(frame, found),
        element("section", element("h2", "Jobs"), _filters(found, wanted), listed,
                *turning(batch_path(found.address), query, start, _LISTED, len(rows) > _LISTED),
                id="jobs"),
        *([card("What its nights cost", element("div", cost, class_="wide", tabindex="0",
                role="region", aria_label="What its nights cost"))] if cost else []),
    ]  # fmt: skip
    return page(frame, found.address, *content)


def _filters(found: Batch, wanted: Wanted) -> Markup:
    """A form that asks; what it asks for stands in the address."""
    options = [element("option", "any state", value="")]
    for name, (_, word) in wording.STATES.items():
        mark = "selected" if name == wanted.state else None
        options.append(element("option", word, value=name, selected=mark))
    return element(
        "form",
        element("label", "State ", element("select", *options, name="state")),
        element("label", "Tag ", element("input", name="tag", value=wanted.tag,
                placeholder="site=a", size=12)),
        element("label", "Name ", element("input", name="q", value=wanted.text, size=14)),
        button("Show"),
        method="get", action=batch_path(found.address), class_="filters", role="search",
    )  # fmt: skip


def _job_cells(one: JobRow) -> Markup:
    cells = (
        state(one.state), link(one.name, job_path(one.job_id)), str(one.attempt or ""),
        length(one.elapsed_ms) if one.elapsed_ms is not None else "",
        count(one.tokens) if one.tokens else "",
        dollars(one.cost_micros) if one.cost_micros else "", one.why,
    )  # fmt: skip
    return row(cells, _NUMBERS, f"job {one.state}")


def _batch_acts(frame: Frame, found: Batch) -> Markup:
    if frame.is_read_only or found.closed_at is not None:
        return Markup("")
    path = batch_path(found.address)
    pausing = (
        form(frame, f"{path}/unpause", button("Go on"))
        if found.paused
        else form(frame, f"{path}/pause", button("Pause: start nothing new"))
    )
    ending = sure(frame, "Cancel the batch…", f"{path}/cancel", "Yes, cancel every open job")
    return element("div", pausing, ending, class_="acts")
