"""The frame around every page, and the pieces pages are built of."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from urllib.parse import quote, urlencode

from starlette.responses import HTMLResponse

from bydawn.core.values import value
from bydawn.watch.markup import Markup, element, joined
from bydawn.web import wording
from bydawn.web.guarding import FORM_TOKEN

_FARTHEST = 10**9
# At once, at most every two seconds, and once more when it has become quiet.
_TRIGGER = "moved from:body throttle:2s, moved from:body delay:700ms, every 15s"
_SCRIPTS = ("/static/htmx.min.js", "/static/hx-sse.min.js", "/static/live.js")
# Styles come from our own sheet; expressions in attributes are never evaluated.
# An answer that is a mistake replaces nothing, and what a person has unfolded stays so.
_HTMX = (
    '{"includeIndicatorCSS":false,"history":false,"noSwap":["204","304","4xx","5xx"],'
    '"morphIgnore":["data-htmx-powered","open"]}'
)


@value
class Frame:
    """What a page needs beside its own content. ``after`` is the newest event it has seen."""

    path: str
    form_token: str
    after: int
    is_read_only: bool = False
    is_stopped: bool = False
    needy: int = 0
    said: str = ""


def page(frame: Frame, title: str, *live: str) -> HTMLResponse:
    """A page that follows the night by itself; what is typed or unfolded in it stays."""
    main = element(
        "main",
        _said(frame),
        element(
            "div", *live, id="live", hx_get=frame.path, hx_select="#live", hx_target="this",
            hx_swap="outerMorph", hx_trigger=_TRIGGER,
        ),
        id="main",
    )  # fmt: skip
    stream = {"hx_sse:connect": f"/events?after={frame.after}"}
    body = element("body", _skip(), _header(frame), _stale(), main, hx_swap="none", **stream)
    html = element("html", _head(title), body, lang="en")
    return HTMLResponse(f"<!doctype html>\n{html}\n")


def still(title: str, *content: str, code: int) -> HTMLResponse:
    """A page that follows nothing: something went wrong."""
    home = element("p", element("a", wording.PAGES[0][1], href="/"))
    body = element("body", element("main", element("h1", title), *content, home, id="main"))
    html = element("html", _head(title), body, lang="en")
    return HTMLResponse(f"<!doctype html>\n{html}\n", code)


def _head(title: str) -> Markup:
    return element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("meta", name="color-scheme", content="light dark"),
        element("meta", name="htmx-config", content=_HTMX),
        element("title", f"{title} · {wording.NAME}"),
        element("link", rel="icon", type="image/svg+xml", href="/static/icon.svg"),
        element("link", rel="stylesheet", href="/static/style.css"),
        *(element("script", src=source, defer="") for source in _SCRIPTS),
    )


def _skip() -> Markup:
    return element("a", wording.SKIP, href="#main", class_="skip")


def _stale() -> Markup:
    """Shown by our own script when the page no longer follows."""
    words = {f"data_{name}": said for name, said in wording.STALE.items()}
    return element("p", "", id="stale", class_="alarm", role="alert", hidden="", **words)


def _header(frame: Frame) -> Markup:
    links = [_link(frame, path, name) for path, name in wording.PAGES]
    nav = element("nav", element("ul", *links), aria_label="Pages")
    stopped = [element("p", wording.STOPPED, class_="alarm", role="status")]
    home = element("a", wording.NAME, href="/", class_="name")
    bar = element("div", home, nav, class_="bar")
    return element("header", bar, *(stopped if frame.is_stopped else []))


def _link(frame: Frame, path: str, name: str) -> Markup:
    is_here = path == frame.path.partition("?")[0]
    needed = frame.needy and path == "/parked"
    badge = [" ", element("span", f"{frame.needy:,}", class_="badge")] if needed else []
    current = "page" if is_here else None
    return element("li", element("a", name, *badge, href=path, aria_current=current))


def _said(frame: Frame) -> Markup:
    said = wording.DONE.get(frame.said)
    return element("p", said, class_="said", role="status") if said else Markup("")


def card(title: str, *content: str, class_: str | None = None) -> Markup:
    return element("section", element("h2", title), *content, class_=class_)


def facts(pairs: Iterable[tuple[str, str]]) -> Markup:
    rows = [joined(element("dt", name), element("dd", said)) for name, said in pairs]
    return element("dl", *rows)


def table(
    label: str, heads: Sequence[str], rows: Iterable[Markup], numbers: Iterable[int] = ()
) -> Markup:
    """A table that scrolls by itself where it is too wide."""
    right = frozenset(numbers)
    cells = (
        element("th", head, scope="col", class_="number" if at in right else None)
        for at, head in enumerate(heads)
    )
    made = element("table", element("thead", element("tr", *cells)), element("tbody", *rows))
    return element("div", made, class_="wide", role="region", aria_label=label, tabindex="0")


def row(cells: Sequence[str], numbers: Iterable[int] = (), class_: str | None = None) -> Markup:
    right = frozenset(numbers)
    made = (
        element("td", cell, class_="number" if at in right else None)
        for at, cell in enumerate(cells)
    )
    return element("tr", *made, class_=class_)


def state(name: str) -> Markup:
    """A state as sign and word: never colour alone."""
    sign, word = wording.STATES.get(name, ("?", name))
    return element(
        "span", element("span", sign, aria_hidden="true"), f" {word}", class_=f"state {name}"
    )


def link(said: str, path: str) -> Markup:
    return element("a", said, href=path)


def form(frame: Frame, action: str, *content: str, class_: str = "act") -> Markup:
    """A form that changes something; nothing where the dashboard only shows."""
    if frame.is_read_only:
        return Markup("")
    hidden = element("input", type="hidden", name=FORM_TOKEN, value=frame.form_token)
    return element("form", hidden, *content, method="post", action=action, class_=class_)


def button(said: str, **attributes: object) -> Markup:
    return element("button", said, type="submit", **attributes)


def sure(frame: Frame, said: str, action: str, yes: str) -> Markup:
    """A change one has to say twice, without a script."""
    if frame.is_read_only:
        return Markup("")
    return element(
        "details", element("summary", said), form(frame, action, button(yes)), class_="sure"
    )


def tile(label: str, said: str, *more: str) -> Markup:
    """One number with its name, and perhaps a bar or a picture below."""
    return element(
        "div", element("p", label, class_="label"), element("p", said), *more, class_="tile"
    )


def strip(said: str, parts: Iterable[tuple[str, int]], whole: int) -> Markup:
    """A bar of several parts, each with its class, of a whole."""
    x, drawn = 0.0, []
    for class_, part in parts:
        wide = min(100.0 - x, 100 * part / whole) if whole else 0.0
        drawn.append(element("rect", x=round(x, 2), y=0, width=round(wide, 2), height=4,
                             class_=f"bar {class_}"))  # fmt: skip
        x += wide
    return element("svg", element("title", said), *drawn, viewBox="0 0 100 4", role="img",
                   preserveAspectRatio="none", class_="strip")  # fmt: skip


def turning(
    path: str, query: Mapping[str, str], start: int, step: int, has_more: bool
) -> list[Markup]:
    """Links to what comes before and after the part that is listed."""
    links = []
    if start:
        links.append(
            link(
                "← Earlier in the list", asking(path, {**query, "from": str(max(0, start - step))})
            )
        )
    if has_more:
        links.append(
            link("Later in the list →", asking(path, {**query, "from": str(start + step)}))
        )
    return [element("p", *links, class_="turns")] if links else []


def start_of(given: Mapping[str, str]) -> int:
    """From which row of a list on, as the address says."""
    said = given.get("from", "")
    return min(int(said), _FARTHEST) if said.isdecimal() and len(said) < 12 else 0


def job_path(job_id: str) -> str:
    return f"/jobs/{quote(job_id, safe='')}"


def batch_path(address: str, **query: str) -> str:
    return asking(f"/batches/{quote(address, safe='@')}", query)


def asking(path: str, query: Mapping[str, str]) -> str:
    """An address with what it asks for."""
    asked = {name: value for name, value in query.items() if value and value != "0"}
    return f"{path}?{urlencode(asked)}" if asked else path


def chosen(given: Mapping[str, str], name: str) -> str:
    return given.get(name, "")[:200]
