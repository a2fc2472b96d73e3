"""One batch: at a glance, its nights, its jobs."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from bydawn.app import App
from bydawn.watch import dashboard
from bydawn.watch.amounts import count, dollars, length
from bydawn.watch.dashboard import JobRow
from bydawn.watch.documents import Reading
from bydawn.watch.markup import Markup, element
from bydawn.watch.rows import Batch
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
    state,
    sure,
    table,
)
from bydawn.web.pages.glance import glance_card
from bydawn.web.pages.shown import shown

_LISTED = 100
_HEADS = ("State", "Job", "Try", "Took", "Tokens", "Cost", "Why")
_NUMBERS = (2, 3, 4, 5)
_FARTHEST = 10**9


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which jobs a person wants to see."""

    state: str = ""
    tag: str = ""
    text: str = ""

    def fits(self, one: JobRow) -> bool:
        tags = {f"{name}={value}" for name, value in one.tags.items()}
        return (
            self.state in ("", one.state)
            and (not self.tag or self.tag in tags)
            and self.text.lower() in one.name.lower()
        )


async def batch(request: Request) -> Response:
    asked = request.query_params
    wanted = Wanted(chosen(asked, "state"), chosen(asked, "tag"), chosen(asked, "q"))
    start = int(asked["from"]) if asked.get("from", "").isdecimal() else 0
    address = request.path_params["address"]

    def look(app: App, reading: Reading, frame: Frame) -> Response:
        found = app.batch_at(address)
        return _batch(reading, frame, found, wanted, min(start, _FARTHEST))

    return await shown(request, look)


def _batch(
    reading: Reading, frame: Frame, found: Batch, wanted: Wanted, start: int
) -> HTMLResponse:
    one = dashboard.glance(reading, found)
    fitting = (job for job in dashboard.job_rows(reading, found) if wanted.fits(job))
    rows = list(itertools.islice(fitting, start, start + _LISTED + 1))
    listed = table("Jobs", _HEADS, [_job_cells(job) for job in rows[:_LISTED]], _NUMBERS)
    cost = dashboard.cost_picture(reading, found)
    content = [
        element("h1", found.address),
        glance_card(reading, one),
        *([card("What its nights cost", element("div", cost, class_="wide"))] if cost else []),
        card("Jobs", _filters(found, wanted), listed, *_turning(found, wanted, start, len(rows))),
    ]
    return page(frame, found.address, *content, below=[_batch_acts(frame, found)])


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


def _turning(found: Batch, wanted: Wanted, start: int, seen: int) -> list[Markup]:
    """Links to the jobs before and after those that are listed."""
    query = {"state": wanted.state, "tag": wanted.tag, "q": wanted.text}
    links = []
    if start:
        before = {**query, "from": str(max(0, start - _LISTED))}
        links.append(link("Earlier jobs", batch_path(found.address, **before)))
    if seen > _LISTED:
        after = {**query, "from": str(start + _LISTED)}
        links.append(link("More jobs", batch_path(found.address, **after)))
    return [element("p", *itertools.chain(*((one, " ") for one in links)))] if links else []


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
