"""The first page: what is under way, or else what was last."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from bydawn.app import App
from bydawn.watch import glances
from bydawn.watch.documents import Reading
from bydawn.watch.markup import Markup, element
from bydawn.web import wording
from bydawn.web.layout import Frame, button, form, page, sure
from bydawn.web.pages.glance import titled_card
from bydawn.web.pages.shown import shown


async def tonight(request: Request) -> Response:
    return await shown(request, _tonight)


def _tonight(_: App, reading: Reading, frame: Frame) -> HTMLResponse:
    found = glances.glances(reading)
    cards = [titled_card(reading, one) for one in found]
    if not cards:
        cards = [element("p", wording.EMPTY, class_="empty")]
    heading = element("h1", wording.PAGES[0][1], class_="quiet")
    return page(frame, wording.PAGES[0][1], heading, *cards, _stopping(frame))


def _stopping(frame: Frame) -> Markup:
    if frame.is_stopped:
        return form(frame, "/stop/clear", button("Lift the stop"))
    return sure(frame, "Stop everything…", "/stop", "Yes: start nothing, end everything")
