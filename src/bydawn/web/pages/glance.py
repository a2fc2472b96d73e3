"""A batch at a glance, as a card."""

from __future__ import annotations

from bydawn.watch import dashboard
from bydawn.watch.amounts import count, dollars, length, time_of_day
from bydawn.watch.dashboard import Glance
from bydawn.watch.documents import Reading
from bydawn.watch.markup import Markup, element, joined
from bydawn.web import wording
from bydawn.web.layout import bar, batch_path, link, state

_ORDER = ("succeeded", "running", "parked", "failed", "cancelled", "queued")


def glance_card(reading: Reading, one: Glance) -> Markup:
    """A batch at a glance: where it stands, what it spends, who needs you, who ran when."""
    batch, report = one.batch, one.report
    needs = [
        element("li", state(need.word.lower()), " ", element("b", need.name), " ", need.why)
        for need in report.needs[:5]
    ]
    picture = dashboard.night_picture(reading, batch, None)
    return element(
        "section",
        element("h2", link(batch.address, batch_path(batch.address))),
        element("p", _standing(one), class_="standing"),
        _progress(report.counts),
        *_means(one),
        *([element("ul", *needs, class_="needs")] if needs else []),
        *([element("div", picture, class_="wide", tabindex="0")] if picture else []),
        class_="card",
    )


def _standing(one: Glance) -> str:
    """``running for 27m · ends about 23:53 · deadline 06:30``."""
    report, batch = one.report, one.batch
    parts = [wording.BATCH_STATES[report.state]]
    parts.append(f"{'took' if report.state == 'finished' else 'for'} {length(report.wall_ms)}")
    if one.ends_at is not None:
        parts.append(f"ends about {time_of_day(one.ends_at, None)[:5]}")
    if batch.deadline_at is not None and report.state != "finished":
        parts.append(f"deadline {time_of_day(batch.deadline_at, None)[:5]}")
    return " · ".join(parts)


def _progress(counts: dict[str, int]) -> Markup:
    """One strip, a part for each state, the numbers in words below it."""
    total = sum(counts.values())
    order = [name for name in _ORDER if counts.get(name)]
    x, parts = 0.0, []
    for name in order:
        wide = 100 * counts[name] / total
        parts.append(element("rect", x=round(x, 2), y=0, width=round(wide, 2), height=4,
                             class_=f"bar {name}"))  # fmt: skip
        x += wide
    words = ", ".join(f"{counts[name]} {wording.STATES[name][1]}" for name in order)
    strip = element("svg", element("title", words), *parts, viewBox="0 0 100 4", role="img",
                    preserveAspectRatio="none", class_="strip")  # fmt: skip
    told = (
        element("li", element("b", f"{counts[name]:,}"), " ", state(name), class_="count")
        for name in order
    )
    return joined(strip, element("ul", *told, class_="counts"))


def _means(one: Glance) -> list[Markup]:
    """Money and tokens, against their caps where there are any."""
    purse, made = one.purse, []
    if purse.usd_micros or purse.usd_cap is not None:
        cap = f" of {dollars(purse.usd_cap)}" if purse.usd_cap is not None else ""
        aside = f", {dollars(purse.reserved_micros)} set aside" if purse.reserved_micros else ""
        said = f"{dollars(purse.usd_micros)}{cap}{aside}"
        made.append(bar("Money", purse.usd_micros, purse.usd_cap, said))
    if purse.tokens or purse.tokens_cap is not None:
        cap = f" of {count(purse.tokens_cap)}" if purse.tokens_cap is not None else ""
        made.append(bar("Tokens", purse.tokens, purse.tokens_cap, f"{count(purse.tokens)}{cap}"))
    return made
