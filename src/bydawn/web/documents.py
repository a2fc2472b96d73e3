"""The same documents the command line prints with --json."""

from __future__ import annotations

from collections.abc import Callable

from starlette.requests import Request
from starlette.responses import Response

from bydawn.app import App
from bydawn.watch.documents import (
    Document,
    Reading,
    batch_document,
    batches_document,
    job_document,
)
from bydawn.watch.sanitise import json_text
from bydawn.web.looking import Site

_NEWEST = 100


async def batches(request: Request) -> Response:
    return await _told(
        request, lambda _, reading: batches_document(reading, reading.store.batches()[:_NEWEST])
    )


async def batch(request: Request) -> Response:
    address = request.path_params["address"]
    return await _told(request, lambda app, reading: batch_document(reading, app.batch_at(address)))


async def job(request: Request) -> Response:
    job_id = request.path_params["job_id"]
    return await _told(request, lambda app, reading: job_document(reading, app.job_at(job_id)))


async def health(request: Request) -> Response:
    """That it is there, and nothing else: anybody on this machine may ask."""
    del request
    return Response("ok\n", media_type="text/plain")


async def _told(request: Request, tell: Callable[[App, Reading], Document]) -> Response:
    site: Site = request.app.state.site
    document = await site.look(tell)
    return Response(json_text(document) + "\n", media_type="application/json")
