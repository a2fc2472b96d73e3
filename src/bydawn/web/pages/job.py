"""One job: what it is, what became of each attempt, what it printed, what can be done."""

from __future__ import annotations

from collections.abc import Iterable

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from bydawn.app import App
from bydawn.app.keeping.printed import last_lines
from bydawn.core.model import Job
from bydawn.watch import dashboard
from bydawn.watch.amounts import count, day_and_time, dollars, length
from bydawn.watch.dashboard import JobSight, Try
from bydawn.watch.documents import Reading
from bydawn.watch.markup import Markup, element, escaped, joined
from bydawn.web import wording
from bydawn.web.layout import (
    Frame,
    batch_path,
    button,
    card,
    facts,
    form,
    job_path,
    link,
    page,
    row,
    state,
    sure,
    table,
)
from bydawn.web.looking import Site
from bydawn.web.pages.shown import shown

_LINES = 200
_HEADS = ("Try", "Began", "Took", "Ended as", "Exit", "Tokens", "Cost", "Why")
_NUMBERS = (0, 2, 4, 5, 6)
_RESULT = 4_000


async def job(request: Request) -> Response:
    address = request.path_params["job_id"]

    def look(app: App, reading: Reading, frame: Frame) -> Response:
        return _job(app, reading, frame, app.job_at(address))

    return await shown(request, look)


def _job(app: App, reading: Reading, frame: Frame, found: Job) -> HTMLResponse:
    sight = dashboard.job_sight(reading, found)
    address = sight.batch.address
    trail = element("p", link(address, batch_path(address)), class_="trail")
    content = [
        trail,
        element("h1", state(sight.row.state), " ", sight.row.name),
        _acts(frame, sight),
        card("What it is", facts(_facts(sight))),
        card("Attempts", _attempts(sight)),
        card("What it printed", log_pane(app, found)),
        *(
            [card("Result", _text(found.result[:_RESULT].splitlines(), "Result"))]
            if found.result
            else []
        ),
    ]
    return page(frame, sight.row.name, *content)


def _facts(sight: JobSight) -> list[tuple[str, str]]:
    job_, one = sight.job, sight.row
    pairs = [
        ("Now" if one.state == "running" else "Why", one.why),
        ("Job id", job_.job_id),
        ("Runs on", f"{one.backend} ({sight.guarantee or 'unknown'})"),
        ("Took", length(one.elapsed_ms) if one.elapsed_ms is not None else ""),
        ("Tokens", count(one.tokens) if one.tokens else ""),
        ("Cost", dollars(one.cost_micros) if one.cost_micros is not None else ""),
        ("Tags", ", ".join(f"{name}={value}" for name, value in one.tags.items())),
        ("Key", job_.key),
        ("Token", f"{job_.token}, revision {job_.revision}, generation {job_.generation}"),
        ("Remote id", job_.handle or ""),
        ("Machine", job_.machine or ""),
    ]
    pairs += [("Published", f"{target}, sha256 {sha256}") for target, sha256 in sight.published]
    return [(name, said) for name, said in pairs if said]


def _attempts(sight: JobSight) -> Markup:
    if not sight.tries:
        return element("p", wording.NEVER_ENDED, class_="soft")
    rows = [_attempt(one) for one in sight.tries]
    return table("Attempts", _HEADS, rows, _NUMBERS)


def _attempt(one: Try) -> Markup:
    cells = (
        str(one.number), day_and_time(one.began_at, None), length(one.elapsed_ms), one.ended_as,
        "" if one.exit_code is None else str(one.exit_code), count(one.tokens),
        "" if one.cost_micros is None else dollars(one.cost_micros), one.why,
    )  # fmt: skip
    return row(cells, _NUMBERS)


async def log(request: Request) -> Response:
    """The end of what a job printed, for a page that follows it."""
    site: Site = request.app.state.site
    address = request.path_params["job_id"]
    pane = await site.look(lambda app, _: log_pane(app, app.job_at(address)))
    return HTMLResponse(pane)


def log_pane(app: App, found: Job) -> Markup:
    """The end of its newest output, as inert text; while it runs, the pane follows by itself."""
    lines = last_lines(app, found.number, _LINES)
    is_live = found.state == "running"
    follows = {"hx_get": f"{job_path(found.job_id)}/log", "hx_target": "this",
               "hx_swap": "outerMorph", "hx_trigger": "every 2s"}  # fmt: skip
    if lines:
        said = element("p", wording.LOG_LIVE if is_live else wording.LOG_CUT, class_="soft")
        inside = joined(_text(lines, "Output", class_="log"), said)
    else:
        inside = element("p", wording.NO_LOG, " ", wording.LOG_ELSEWHERE, class_="soft")
    return element("div", inside, id="log", **(follows if is_live else {}))


def _text(lines: Iterable[str], label: str, class_: str | None = None) -> Markup:
    """Somebody else's words, that scroll by themselves; class ``log`` stays at its end."""
    text = Markup("\n".join(map(escaped, lines)))
    return element("div", element("pre", text), class_=f"text {class_ or ''}".strip(),
                   tabindex="0", role="region", aria_label=label)  # fmt: skip


def _acts(frame: Frame, sight: JobSight) -> Markup:
    """What a person can do now; the reason of a decision is asked for."""
    if frame.is_read_only:
        return Markup("")
    path, name = job_path(sight.job.job_id), sight.row.state
    acts = []
    if name == "parked":
        acts.append(_resolving(frame, path, sight.job.reason))
    if name in ("failed", "cancelled"):
        acts.append(form(frame, f"{path}/retry", button("Retry")))
    if name in ("queued", "running", "parked"):
        acts.append(sure(frame, "Cancel…", f"{path}/cancel", "Yes, cancel it"))
    return card("What you can do", *acts) if acts else Markup("")


def _resolving(frame: Frame, path: str, reason: str | None) -> Markup:
    answers = dict(wording.ANSWERS)
    if reason != "awaiting_approval":
        answers.pop("approve")
    options = (element("option", said, value=value) for value, said in answers.items())
    return form(
        frame,
        f"{path}/resolve",
        element("label", "Decide ", element("select", *options, name="answer")),
        element("label", "because ", element("input", name="reason", required="", size=40)),
        button("Record the decision"),
        class_="act decide",
    )
