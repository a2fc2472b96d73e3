"""What was spent, by whatever it is asked for."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from bydawn.app import App
from bydawn.watch.amounts import count, dollars
from bydawn.watch.documents import Reading
from bydawn.watch.markup import Markup, element, joined
from bydawn.watch.spending import Group, Spending, spent_by
from bydawn.web import wording
from bydawn.web.layout import Frame, button, chosen, page, row, table
from bydawn.web.pages.shown import shown

_DAY_MS = 86_400_000
_DAYS = {"7": "7 days", "30": "30 days", "90": "90 days", "36500": "ever"}
_BY = ("job", "model", "backend", "plan", "day")
_HEADS = ("Jobs", "Tries", "Spent", "Wasted", "Set aside", "Tokens")
_LISTED = 100
_NUMBERS = range(1, 7)


async def costs(request: Request) -> Response:
    by = chosen(request.query_params, "by") or "job"
    days = chosen(request.query_params, "days")
    days = days if days in _DAYS else "30"

    def look(app: App, reading: Reading, frame: Frame) -> Response:
        since = max(0, reading.now - int(days) * _DAY_MS)
        return _costs(frame, spent_by(app.existing_store(), by, since), days)

    return await shown(request, look)


def _costs(frame: Frame, found: Spending, days: str) -> HTMLResponse:
    rows = [_row(group, found.total) for group in found.groups[:_LISTED]]
    listed = table("Cost", ("By " + found.by, *_HEADS, "Share"), rows, _NUMBERS)
    left = len(found.groups) - len(rows)
    rest = [element("p", wording.more(left))] if left > 0 else []
    empty = element("p", wording.NOTHING_SPENT, class_="empty")
    return page(
        frame, wording.PAGES[3][1], element("h1", wording.PAGES[3][1]),
        element("section", _asking(found.by, days), _total(found.total),
                listed if rows else empty, *rest),
    )  # fmt: skip


def _total(total: Group) -> Markup:
    said = f"{dollars(total.usd_micros)} in all, {dollars(total.wasted_micros)} of it wasted"
    more = f", {count(total.tokens)} tokens, {wording.jobs(total.jobs)}"
    unknown = f", {wording.jobs(total.unpriced)} of unknown price" if total.unpriced else ""
    return element("p", f"{said}{more}{unknown}.", class_="standing")


def _asking(by: str, days: str) -> Markup:
    """What to add up, and since when; both stand in the address."""
    ways = dict.fromkeys([*_BY, by])
    return element(
        "form",
        _choice("By ", "by", {way: way for way in ways}, by),
        _choice("Over ", "days", _DAYS, days),
        button("Show"),
        method="get", action="/cost", class_="filters", role="search",
    )  # fmt: skip


def _choice(label: str, name: str, options: dict[str, str], at: str) -> Markup:
    made = (
        element("option", said, value=value, selected="selected" if value == at else None)
        for value, said in options.items()
    )
    return element("label", label, element("select", *made, name=name))


def _row(group: Group, total: Group) -> Markup:
    in_money = total.usd_micros > 0
    part, whole = (group.usd_micros, total.usd_micros) if in_money else (group.tokens, total.tokens)
    name = group.name or "(none)"
    cells = (
        name, f"{group.jobs:,}", f"{group.attempts:,}", dollars(group.usd_micros),
        dollars(group.wasted_micros), dollars(group.reserved_micros), count(group.tokens),
        _share(name, part, whole),
    )  # fmt: skip
    return row(cells, _NUMBERS)


def _share(name: str, part: int, whole: int) -> Markup:
    if not whole:
        return Markup("")
    percent = f"{100 * part / whole:.0f} %"
    shown_ = element("progress", value=part, max=whole, aria_label=f"Share of {name}: {percent}")
    return joined(shown_, element("span", percent, class_="soft"))
