"""How every page comes about: one look at the store, in a thread, laid out in the frame."""

from __future__ import annotations

from collections.abc import Callable

from starlette.requests import Request
from starlette.responses import Response

from bydawn.app import App
from bydawn.watch import dashboard
from bydawn.watch.documents import Reading
from bydawn.web.layout import Frame
from bydawn.web.looking import Site

Looked = Callable[[App, Reading, Frame], Response]


async def shown(request: Request, look: Looked) -> Response:
    """One page: looked at in a thread, with what every page's frame says."""
    site: Site = request.app.state.site
    path = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    said = request.query_params.get("said", "")

    def at(app: App, reading: Reading) -> Response:
        return look(app, reading, _frame(site, app, reading, path, said))

    return await site.look(at)


def _frame(site: Site, app: App, reading: Reading, path: str, said: str) -> Frame:
    return Frame(
        path=path,
        form_token=site.keys.form_token,
        after=dashboard.newest_event(reading.store),
        is_read_only=site.keys.is_read_only,
        is_stopped=app.is_stopped(),
        needy=dashboard.count_needy(reading),
        said=said,
    )
