"""The morning report as one HTML file: no script, nothing loaded, readable in light and dark and on
paper."""

from __future__ import annotations

import base64
import hashlib
import itertools
from collections.abc import Iterator
from datetime import tzinfo
from pathlib import Path

from bydawn.store import timeline
from bydawn.watch import drawing
from bydawn.watch.amounts import count, day_and_time, instant_of, length
from bydawn.watch.documents import Document, Reading
from bydawn.watch.drawing import Window
from bydawn.watch.markup import Markup, element, joined
from bydawn.watch.morning import Morning
from bydawn.watch.report import Report, headline
from bydawn.watch.sanitise import shortened
from bydawn.watch.sections import NEEDS, UNUSUAL, Item, Section, sections
from bydawn.watch.wording import fault, why

_ROWS, _LISTED = 40, 200
_NUMBERS = frozenset({3, 5, 6, 7})
_SIGNS = {"succeeded": "✓", "failed": "✗", "parked": "!", "cancelled": "-", "running": "▶",
          "queued": "·"}  # fmt: skip
_SHOWN = {"queued": "waiting"}


def style() -> str:
    """How the page looks. Its digest is in the page's policy: no other style is obeyed."""
    return Path(__file__).with_name("page.css").read_text("utf-8")


def page(reading: Reading, morning: Morning, document: Document, zone: tzinfo | None) -> str:
    """The whole file. ``document`` is the batch as programs read it; the numbers are the same."""
    told = sections(morning, zone)
    body = element("main", *_body(reading, morning, document, told, zone))
    head = element("head", *_head(headline(morning.report)))
    return f'<!doctype html>\n<html lang="en">{head}{element("body", body)}</html>\n'


def _head(title: str) -> Iterator[Markup]:
    css = style()
    digest = base64.b64encode(hashlib.sha256(css.encode()).digest()).decode()
    policy = f"default-src 'none'; style-src 'sha256-{digest}'"
    yield element("meta", charset="utf-8")
    yield element("meta", http_equiv="Content-Security-Policy", content=policy)
    yield element("meta", name="viewport", content="width=device-width, initial-scale=1")
    yield element("meta", name="color-scheme", content="light dark")
    yield element("meta", name="referrer", content="no-referrer")
    yield element("title", title)
    yield element("style", Markup(css))


def _body(
    reading: Reading, morning: Morning, document: Document, told: list[Section], zone: tzinfo | None
) -> Iterator[Markup]:
    report = morning.report
    yield element("header", element("h1", report.batch.address), _counts(report.counts),
                  element("p", _subject(report), class_="headline"))  # fmt: skip
    lists = [section for section in told if section.name in (NEEDS, UNUSUAL)]
    yield from map(_list, lists)
    yield from _pictures(reading, morning, zone)
    facts = [section for section in told if section not in lists]
    yield element("section", element("h2", "The numbers"), _facts(facts))
    yield _jobs(document, zone)
    made = day_and_time(reading.now, zone)
    yield element("footer", f"Made {made} by bydawn, from the store itself. Nothing here is loaded"
                  " from anywhere, and nothing runs.")  # fmt: skip


def _subject(report: Report) -> str:
    """The headline without the name, which stands above it already."""
    told = headline(report).removeprefix(f"{report.batch.address}: ")
    return told.replace("   ", " · ")  # a browser makes one space of three


def _counts(counts: dict[str, int]) -> Markup:
    """How many jobs came to what, the words beside the signs."""
    cells = [
        element("li", element("b", str(number)), _count_words(name), class_=f"count {name}")
        for name, number in counts.items()
        if number
    ]
    return element("ul", *cells, class_="counts")


def _count_words(state: str) -> str:
    return f" {_SIGNS[state]} {_SHOWN.get(state, state)}"


def _list(section: Section) -> Markup:
    class_ = "needs" if section.name == NEEDS else "unusual"
    items = (element("li", *_item(item)) for item in section.items)
    return element("section", element("h2", section.name.capitalize()), element("ul", *items),
                   class_=class_)  # fmt: skip


def _item(item: Item) -> Iterator[Markup]:
    if item.name:
        yield joined(element("b", item.name), " ")
    yield joined(item.said)
    if item.command:
        yield joined(element("br"), element("code", item.command))


def _facts(told: list[Section]) -> Markup:
    rows = []
    for section in told:
        said = (element("p", *_fact(item)) for item in section.items)
        rows += [element("dt", section.name.capitalize()), element("dd", *said)]
    return element("dl", *rows)


def _fact(item: Item) -> Iterator[Markup]:
    if item.command:
        yield joined(element("code", item.command), " ")
    yield joined(item.said)


def _pictures(reading: Reading, morning: Morning, zone: tzinfo | None) -> Iterator[Markup]:
    report, session = morning.report, reading.store.session
    number, begins_at = report.batch.number, report.batch.opened_at
    spans = timeline.spans(session, number, _ROWS)
    if spans:
        window = Window(begins_at, begins_at + report.wall_ms, zone)
        night = drawing.timeline(spans, timeline.moments(session, number), window)
        serial = drawing.overlap_and_serial(report.wall_ms, report.serial_ms)
        yield _figure("The night", night, serial, _legend(len(spans)))
    chart = drawing.costs(morning.nights, report.batch.terms.bound.usd_micros)
    if chart:
        yield _figure(f"What {len(morning.nights)} nights cost", chart)


def _figure(title: str, *drawn: Markup) -> Markup:
    return element("figure", element("h2", title), element("div", *drawn, class_="wide"))


def _legend(shown: int) -> Markup:
    words = (("succeeded", "went well"), ("failed", "x failed"), ("parked", "! parked"),
             ("lost", "a try that was lost"), ("running", "runs"))  # fmt: skip
    cells = (element("li", element("i", class_=f"key {name}"), said) for name, said in words)
    more = [element("li", f"the {_ROWS} longest are shown")] if shown >= _ROWS else []
    return element("ul", *cells, *more, class_="legend")


def _jobs(document: Document, zone: tzinfo | None) -> Markup:
    """Every job in a table, which is also what the pictures say in words."""
    found = document["jobs"]
    heads = ("", "job", "state", "try", "started", "took", "tokens", "cost", "why")
    head = element("tr", *(_cell("th", place, word) for place, word in enumerate(heads)))
    rows = (_job(job, zone) for job in itertools.islice(found, _LISTED))
    more = len(found) - _LISTED
    left = (
        [element("p", f"{more} more: bydawn report --format csv has them all")] if more > 0 else []
    )
    table = element("table", element("thead", head), element("tbody", *rows))
    about = element("h2", "Every job")
    return element("section", about, element("div", table, class_="wide"), *left)


def _job(job: Document, zone: tzinfo | None) -> Markup:
    state, error = job["state"], job["error"] or {}
    tokens = sum(job["usage"].get(name, 0) for name in ("input_tokens", "output_tokens"))
    said = fault(error.get("code"), error.get("message")) or why(job["reason"])
    took = None if job["elapsed_s"] is None else round(job["elapsed_s"] * 1000)
    cells = (
        _SIGNS[state], job["job"], _SHOWN.get(state, state), str(job["attempts"] or ""),
        day_and_time(instant_of(job["started_at"]), zone), length(took),
        count(tokens) if tokens else "", job["cost_usd"] or "unknown", shortened(said, 120),
    )  # fmt: skip
    made = (_cell("td", place, cell) for place, cell in enumerate(cells))
    return element("tr", *made, class_=state)


def _cell(kind: str, place: int, said: str) -> Markup:
    class_ = "number" if place in _NUMBERS else None
    return element(kind, said, class_=class_, scope="col" if kind == "th" else None)
