"""The frame around every page, and the pieces pages are built of."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import quote, urlencode

from starlette.responses import HTMLResponse

from bydawn.watch.markup import Markup, element, joined
from bydawn.web import wording
from bydawn.web.guarding import FORM_TOKEN

_SCRIPTS = ("/static/htmx.min.js", "/static/hx-sse.min.js")
# Styles come from our own sheet; expressions in attributes are never evaluated.
_HTMX = '{"includeIndicatorCSS":false,"history":false}'


@dataclass(frozen=True, slots=True)
class Frame:
    """What a page needs beside its own content. ``after`` is the newest event it has seen."""

    path: str
    form_token: str
    after: int
    is_read_only: bool = False
    is_stopped: bool = False
    needy: int = 0
    said: str = ""


def page(frame: Frame, title: str, *live: str, below: Iterable[str] = ()) -> HTMLResponse:
    """A page: ``live`` follows the night by itself, ``below`` stands still, such as forms."""
    main = element(
        "main",
        _said(frame),
        element(
            "div", *live, id="live", hx_get=frame.path, hx_select="#live", hx_target="this",
            hx_swap="outerMorph", hx_trigger="moved from:body throttle:1s, every 15s",
        ),
        *below,
        id="main",
    )  # fmt: skip
    stream = {"hx_sse:connect": f"/events?after={frame.after}"}
    body = element("body", _skip(), _header(frame), main, hx_swap="none", **stream)
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
        element("link", rel="stylesheet", href="/static/style.css"),
        *(element("script", src=source, defer="") for source in _SCRIPTS),
    )


def _skip() -> Markup:
    return element("a", wording.SKIP, href="#main", class_="skip")


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
    badge = [" ", element("span", str(frame.needy), class_="badge")] if needed else []
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


def bar(label: str, part: int, whole: int | None, said: str) -> Markup:
    """How much of something, as words and as a bar."""
    words = element("span", element("b", label), f" {said}", class_="words")
    if not whole:
        return element("p", words, class_="gauge")
    shown = element("progress", value=min(part, whole), max=whole, aria_label=label)
    return element("p", words, shown, class_="gauge")


def job_path(job_id: str) -> str:
    return f"/jobs/{quote(job_id, safe='')}"


def batch_path(address: str, **query: str) -> str:
    asked = {name: value for name, value in query.items() if value}
    told = f"?{urlencode(asked)}" if asked else ""
    return f"/batches/{quote(address, safe='@')}{told}"


def chosen(given: Mapping[str, str], name: str) -> str:
    return given.get(name, "")[:200]
