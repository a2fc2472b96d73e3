"""A batch at a glance, as a card."""

from __future__ import annotations

from collections.abc import Iterable

from bydawn.watch import glances
from bydawn.watch.amounts import count, dollars, length, time_of_day
from bydawn.watch.documents import Reading
from bydawn.watch.glances import Glance, Need, Told
from bydawn.watch.markup import Markup, element, joined
from bydawn.web import wording
from bydawn.web.layout import batch_path, job_path, link, state, strip, tile

_ORDER = ("succeeded", "running", "parked", "failed", "cancelled", "queued")
_HIGH, _WIDE = 32, 140
_SOON_MS = 15_000


def titled_card(reading: Reading, one: Glance) -> Markup:
    """The card of a batch on a page of several."""
    title = element("h2", link(one.batch.address, batch_path(one.batch.address)))
    return element("section", title, *_content(reading, one), class_="card")


def plain_card(reading: Reading, one: Glance) -> Markup:
    """The card of a batch on its own page."""
    return element("section", *_content(reading, one), class_="card", aria_label="At a glance")


def _content(reading: Reading, one: Glance) -> list[Markup]:
    """Where it stands, what it spends, who needs you, who ran when."""
    picture = glances.night_picture(reading, one.batch, None)
    tiles = element("div", *_tiles(reading, one), class_="tiles")
    return [
        element("p", _standing(reading, one), class_="standing"),
        _progress(one),
        *([element("p", "; ".join(one.waiting), class_="soft")] if one.waiting else []),
        tiles,
        *([element("ul", *map(_need, one.needs), class_="needs")] if one.needs else []),
        *([_scrolled(picture)] if picture else []),
    ]


def _scrolled(picture: Markup) -> Markup:
    return element("div", picture, class_="wide", tabindex="0", role="region",
                   aria_label="Timeline")  # fmt: skip


def _need(one: Need) -> Markup:
    return element("li", state(one.state), " ", link(one.name, job_path(one.job_id)), " ",
                   element("span", one.why, class_="soft"))  # fmt: skip


def _standing(reading: Reading, one: Glance) -> str:
    """``running for 27m · ends about 23:53``."""
    told = one.told
    since = "after" if told.state == "finished" else "for"
    parts = [f"{wording.BATCH_STATES[told.state]} {since} {length(told.wall_ms)}"]
    if one.ends_at is not None:
        is_late = one.ends_at - reading.now < _SOON_MS
        about = f"ends about {time_of_day(one.ends_at, None)[:5]}"
        parts.append(wording.LATE if is_late else about)
    return " · ".join(parts)


def _progress(one: Glance) -> Markup:
    """One strip, a part for each state; below it the numbers, each of which leads to its jobs."""
    counts = one.told.counts
    order = [name for name in _ORDER if counts.get(name)]
    words = ", ".join(f"{counts[name]:,} {wording.STATES[name][1]}" for name in order)
    shown = strip(words, ((name, counts[name]) for name in order), sum(counts.values()))
    address = one.batch.address
    told = (
        element("li", element("a", element("b", f"{counts[name]:,}"), " ", state(name),
                              href=f"{batch_path(address, state=name)}#jobs"), class_="count")
        for name in order
    )  # fmt: skip
    return joined(shown, element("ul", *told, class_="counts"))


def _tiles(reading: Reading, one: Glance) -> Iterable[Markup]:
    """Money, tokens and time, against their caps where there are any; and its last nights."""
    purse = one.purse
    if purse.usd_micros or purse.usd_cap is not None:
        aside = f" + {dollars(purse.reserved_micros)} set aside" if purse.reserved_micros else ""
        cap = f" of {dollars(purse.usd_cap)}" if purse.usd_cap is not None else ""
        parts = [("spent", purse.usd_micros), ("aside", purse.reserved_micros)]
        yield _gauge("Money", f"{dollars(purse.usd_micros)}{aside}{cap}", parts, purse.usd_cap)
    if purse.tokens or purse.tokens_cap is not None:
        cap = f" of {count(purse.tokens_cap)}" if purse.tokens_cap is not None else ""
        spent = [("spent", purse.tokens)]
        yield _gauge("Tokens", f"{count(purse.tokens)}{cap}", spent, purse.tokens_cap)
    if one.batch.deadline_at is not None and one.told.state != "finished":
        yield _deadline(reading.now, one.batch.opened_at, one.batch.deadline_at)
    if len(one.nights) > 1:
        yield _nights(one.nights)


def _gauge(label: str, said: str, parts: list[tuple[str, int]], cap: int | None) -> Markup:
    return tile(label, said, *([strip(f"{label} {said}", parts, cap)] if cap else []))


def _deadline(now: int, opened_at: int, at: int) -> Markup:
    left = length(at - now) if at > now else None
    said = wording.deadline(time_of_day(at, None)[:5], left)
    return _gauge("Deadline", said, [("spent", now - opened_at)], at - opened_at)


def _nights(nights: tuple[Told, ...]) -> Markup:
    """A column for each night as high as it was dear, in the colour of how it came out."""
    in_money = any(one.usd_micros for one in nights)
    values = [one.usd_micros if in_money else one.tokens for one in nights]
    most, step = max(*values, 1), _WIDE / max(len(nights), 7)
    drawn = (
        _night(one, place * step, step * 0.7, max(3, round(_HIGH * value / most)))
        for place, (one, value) in enumerate(zip(nights, values, strict=True))
    )
    ends = [wording.fate(one.counts) for one in nights if one.state == "finished"]
    said = wording.nights(len(ends), sum(end == "succeeded" for end in ends))
    picture = element("svg", element("title", said), *drawn, viewBox=f"0 0 {_WIDE} {_HIGH}",
                      role="group", preserveAspectRatio="xMinYMid",
                      class_="nights")  # fmt: skip
    return tile(f"Last {len(nights)} nights", said, picture)


def _night(one: Told, x: float, wide: float, high: int) -> Markup:
    fate = wording.fate(one.counts)
    told = f"{one.batch.address}: {wording.tally(one.counts)}, {dollars(one.usd_micros)}"
    column = element("rect", x=round(x, 1), y=_HIGH - high, width=round(wide, 1), height=high,
                     rx=1, class_=f"bar {fate}")  # fmt: skip
    return element("a", element("title", told), column, href=batch_path(one.batch.address),
                   aria_label=told)  # fmt: skip
