"""What a person can change from a page: the same guarded commands the command line has."""

from __future__ import annotations

from collections.abc import Callable

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from bydawn.app import App, Silent
from bydawn.core.errors import UsageError
from bydawn.web.layout import batch_path, job_path
from bydawn.web.looking import Site

_ANSWERS = ("approve", "retry", "succeeded", "failed")


async def cancel_job(request: Request) -> Response:
    job_id = request.path_params["job_id"]

    def do(app: App) -> bool:
        return app.store.cancel(app.job_at(job_id).number, app.nonce)

    return await _done(request, do, job_path(job_id), "cancel")


async def retry_job(request: Request) -> Response:
    job_id = request.path_params["job_id"]

    def do(app: App) -> bool:
        return app.store.retry(app.job_at(job_id).number, app.nonce)

    return await _done(request, do, job_path(job_id), "retry")


async def resolve_job(request: Request) -> Response:
    job_id, form = request.path_params["job_id"], request.scope["bydawn.form"]
    answer, reason = form.get("answer", ""), form.get("reason", "").strip()
    if answer not in _ANSWERS or not reason:
        raise UsageError("a decision needs an answer and a reason", "go back and give both")

    def do(app: App) -> bool:
        app.store.resolve(app.job_at(job_id).number, answer, reason, app.nonce)
        return True

    return await _done(request, do, job_path(job_id), "resolve")


async def cancel_batch(request: Request) -> Response:
    address = request.path_params["address"]

    def do(app: App) -> bool:
        jobs = app.jobs_at(address)
        done = [app.store.cancel(job.number, app.nonce) for job in jobs]
        return any(done)

    return await _done(request, do, batch_path(address), "cancel")


async def pause_batch(request: Request) -> Response:
    return await _pausing(request, True, "pause")


async def unpause_batch(request: Request) -> Response:
    return await _pausing(request, False, "unpause")


async def _pausing(request: Request, paused: bool, said: str) -> Response:
    address = request.path_params["address"]

    def do(app: App) -> bool:
        return app.store.pause(app.batch_at(address).number, paused)

    return await _done(request, do, batch_path(address), said)


async def stop(request: Request) -> Response:
    def do(app: App) -> bool:
        app.stop(Silent())
        return True

    return await _done(request, do, "/", "stop")


async def clear_stop(request: Request) -> Response:
    return await _done(request, lambda app: app.clear_stop(), "/", "clear")


async def _done(request: Request, do: Callable[[App], bool], back: str, said: str) -> Response:
    """Carry it out, and go back to the page it was asked for on."""
    site: Site = request.app.state.site
    is_changed = await site.act(do)
    return RedirectResponse(f"{back}?said={said if is_changed else 'nothing'}", 303)
