"""Everything that waits for a person."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from bydawn.app import App
from bydawn.watch import dashboard
from bydawn.watch.dashboard import JobRow
from bydawn.watch.documents import Reading
from bydawn.watch.markup import Markup, element
from bydawn.watch.rows import Batch
from bydawn.web import wording
from bydawn.web.layout import Frame, batch_path, job_path, link, page, row, state, table
from bydawn.web.pages.shown import shown

_LISTED = 100


async def needy(request: Request) -> Response:
    return await shown(request, _needy_page)


def _needy_page(_: App, reading: Reading, frame: Frame) -> HTMLResponse:
    """Everything that waits for a person, with what can be done about it."""
    found = dashboard.needy_rows(reading, _LISTED)
    heading = element("h1", wording.PAGES[2][1])
    if not found:
        return page(
            frame, "Needs you", heading, element("p", wording.NOTHING_NEEDED, class_="empty")
        )
    rows = [_needy(batch, one) for batch, one in found]
    listed = table("What needs you", ("State", "Batch", "Job", "Why"), rows)
    left = frame.needy - len(rows)
    rest = [element("p", wording.more(left))] if left > 0 else []
    return page(frame, "Needs you", heading, element("section", listed), *rest)


def _needy(found: Batch, one: JobRow) -> Markup:
    name = link(one.name, job_path(one.job_id))
    where = link(found.address, batch_path(found.address))
    return row((state(one.state), where, name, one.why), class_=f"job {one.state}")
