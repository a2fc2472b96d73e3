"""Who is at work, and who holds which lease."""

from __future__ import annotations

from collections.abc import Iterable

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from bydawn.app import App
from bydawn.watch import dashboard
from bydawn.watch.amounts import length
from bydawn.watch.documents import Reading
from bydawn.watch.markup import Markup, element, joined
from bydawn.web import wording
from bydawn.web.layout import Frame, batch_path, card, link, page, row, table
from bydawn.web.pages.shown import shown


async def runners(request: Request) -> Response:
    return await shown(request, _runners)


def _runners(app: App, reading: Reading, frame: Frame) -> HTMLResponse:
    duty = dashboard.on_duty(reading, app.runners())
    rows = [row((one.id, one.machine, _served(reading, one.batches))) for one in duty.runners]
    held = [
        row((one.name, str(one.token), one.holder, length(one.left_ms)), (1, 3))
        for one in duty.leases
    ]
    at_work = table("Runners", ("Runner", "Machine", "Batches"), rows)
    leases = table("Leases", ("Name", "Token", "Holder", "Left"), held, (1, 3))
    return page(
        frame, "Runners", element("h1", wording.PAGES[4][1]),
        card("At work", at_work if rows else element("p", wording.NO_RUNNERS, class_="soft")),
        card("Named leases", leases if held else element("p", wording.NO_LEASES, class_="soft")),
    )  # fmt: skip


def _served(reading: Reading, batches: Iterable[int]) -> Markup:
    names = [reading.store.batch(number).address for number in sorted(batches)]
    links = [link(name, batch_path(name)) for name in names]
    return joined(*(piece for one in links for piece in (one, " ")))
