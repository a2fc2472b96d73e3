"""All routes of the dashboard, behind its guard."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from functools import cache
from pathlib import Path

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp

from bydawn.core.errors import BydawnError, UsageError
from bydawn.watch.page import style
from bydawn.web import acts, documents, wording
from bydawn.web.guarding import Guard
from bydawn.web.layout import still
from bydawn.web.looking import Site
from bydawn.web.pages.batch import batch
from bydawn.web.pages.batches import batches
from bydawn.web.pages.costs import costs
from bydawn.web.pages.job import job, log
from bydawn.web.pages.needy import needy
from bydawn.web.pages.runners import runners
from bydawn.web.pages.tonight import tonight
from bydawn.web.stream import Stream

_STATIC = Path(__file__).with_name("static")
_TYPES = {".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml"}


def build(site: Site) -> ASGIApp:
    """The whole dashboard as one ASGI application."""
    stream = Stream(site)

    @contextlib.asynccontextmanager
    async def living(_: Starlette) -> AsyncIterator[None]:
        yield
        await stream.close()

    app = Starlette(
        routes=_routes(stream),
        lifespan=living,
        exception_handlers={BydawnError: _explained, 404: _lost, Exception: _broken},
    )
    app.state.site = site
    return Guard(app, site.keys)


def _routes(stream: Stream) -> list[Route]:
    pages = {
        "/": tonight,
        "/batches": batches,
        "/batches/{address}": batch,
        "/jobs/{job_id}": job,
        "/jobs/{job_id}/log": log,
        "/parked": needy,
        "/cost": costs,
        "/runners": runners,
        "/events": stream.answer,
        "/api/batches": documents.batches,
        "/api/batches/{address}": documents.batch,
        "/api/jobs/{job_id}": documents.job,
        "/healthz": documents.health,
        "/static/{name}": _file,
    }
    changes = {
        "/jobs/{job_id}/cancel": acts.cancel_job,
        "/jobs/{job_id}/retry": acts.retry_job,
        "/jobs/{job_id}/resolve": acts.resolve_job,
        "/batches/{address}/cancel": acts.cancel_batch,
        "/batches/{address}/pause": acts.pause_batch,
        "/batches/{address}/unpause": acts.unpause_batch,
        "/stop": acts.stop,
        "/stop/clear": acts.clear_stop,
    }
    reads = [Route(path, answer, methods=["GET"]) for path, answer in pages.items()]
    return reads + [Route(path, answer, methods=["POST"]) for path, answer in changes.items()]


async def _file(request: Request) -> Response:
    """One of the files we brought along, by its exact name."""
    found = _files().get(request.path_params["name"])
    if found is None:
        return await _lost(request, Exception())
    kind, content = found
    return Response(content, media_type=kind, headers={"Cache-Control": "max-age=3600"})


@cache
def _files() -> dict[str, tuple[str, str]]:
    paths = [path for path in _STATIC.iterdir() if path.suffix in _TYPES]
    found = {path.name: (_TYPES[path.suffix], path.read_text("utf-8")) for path in paths}
    kind, own = found["style.css"]
    return {**found, "style.css": (kind, f"{style()}\n{own}")}


async def _explained(request: Request, error: Exception) -> Response:
    """What a person can act on, said as on the command line."""
    del request
    assert isinstance(error, BydawnError)
    code = 404 if isinstance(error, UsageError) else 409
    title = wording.NOT_FOUND if code == 404 else error.message
    return still(title, str(error), code=code)


async def _lost(request: Request, error: Exception) -> Response:
    del request, error
    return still(wording.NOT_FOUND, code=404)


async def _broken(request: Request, error: Exception) -> Response:
    """A bug in the dashboard touches no run; its trace goes to whoever started it."""
    del request
    return still(wording.BROKEN, type(error).__name__, code=500)
