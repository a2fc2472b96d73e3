"""Pictures of a night as SVG: who ran when, how much ran at once, what nights cost."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Sequence
from datetime import tzinfo

from bydawn.core.usual import median
from bydawn.core.values import value
from bydawn.store.nights import Night
from bydawn.store.timeline import Span
from bydawn.watch.amounts import count, dollars, length, local
from bydawn.watch.markup import Markup, element, joined
from bydawn.watch.sanitise import shortened, width

WIDTH = 960
_LEFT, _RIGHT, _ROW, _BAR = 190, 12, 22, 14
_PLOT = WIDTH - _LEFT - _RIGHT
_BINS = 240
_OVERLAP, _CHART = 64, 150
_LABEL = 25
_STEPS_MS = tuple(
    minutes * 60_000 for minutes in (1, 2, 5, 10, 15, 30, 60, 120, 240, 480, 1440, 2880, 10080)
)


@value
class Window:
    """The stretch of time a picture shows."""

    begins_at: int
    ends_at: int
    zone: tzinfo | None

    @property
    def length_ms(self) -> int:
        return max(1, self.ends_at - self.begins_at)

    def x(self, at: int) -> float:
        part = (at - self.begins_at) / self.length_ms
        return round(_LEFT + _PLOT * min(1.0, max(0.0, part)), 1)

    def ticks(self) -> Iterable[int]:
        """Round moments, at most eight of them."""
        step = next((s for s in _STEPS_MS if self.length_ms / s <= 8), _STEPS_MS[-1])
        offset = local(self.begins_at, self.zone).utcoffset()
        shift = int(offset.total_seconds() * 1000) if offset else 0
        first = -(-(self.begins_at + shift) // step) * step - shift
        return range(first, self.ends_at + 1, step)


def timeline(
    spans: Sequence[Span], moments: Iterable[tuple[int, int | None]], window: Window
) -> Markup:
    """Above, how many ran at once; below, a row for each job with a bar for each attempt."""
    rows: dict[int, list[Span]] = {}
    for span in spans:
        rows.setdefault(span.job, []).append(span)
    top = _OVERLAP + 12
    height = top + len(rows) * _ROW + 8
    drawn = [
        _ruler(window, height),
        _overlap(moments, window),
        *(_row(row, top + place * _ROW, window) for place, row in enumerate(rows.values())),
    ]
    return _picture("Who ran when, and how many at once", height + 18, drawn)


def _picture(title: str, height: int, drawn: Iterable[Markup]) -> Markup:
    box = f"0 0 {WIDTH} {height}"
    about = element("title", title)
    return element(
        "svg", about, *drawn, viewBox=box, role="img", xmlns="http://www.w3.org/2000/svg"
    )


def _ruler(window: Window, height: int) -> Markup:
    step_is_long = window.length_ms > 36 * 3_600_000
    form = "%d %b %H:%M" if step_is_long else "%H:%M"
    marks = []
    for at in window.ticks():
        x = window.x(at)
        marks.append(element("line", x1=x, x2=x, y1=0, y2=height, class_="rule"))
        told = local(at, window.zone).strftime(form)
        marks.append(_words(told, x, height + 14, "tick", text_anchor=_anchor(x)))
    return joined(*marks)


def _anchor(x: float) -> str:
    return "end" if x > WIDTH - 40 else "middle"


def _words(said: str, x: float, y: float, class_: str, **more: str) -> Markup:
    return element("text", said, x=x, y=y, class_=class_, **more)


def _overlap(moments: Iterable[tuple[int, int | None]], window: Window) -> Markup:
    """An area as high as the number of runs at that time."""
    counts = running_at_once(moments, window)
    most = max(counts, default=0)
    if not most:
        return Markup("")
    floor, high = _OVERLAP, _OVERLAP - 12
    wide = _PLOT / _BINS
    steps = [f"M{_LEFT} {floor}"]
    for place, number in enumerate(counts):
        y = round(floor - high * number / most, 1)
        steps.append(f"V{y}H{round(_LEFT + wide * (place + 1), 1)}")
    outline = element("path", d="".join([*steps, f"V{floor}Z"]), class_="area")
    at_most = _words(f"{most} at once at most", _LEFT - 10, 14, "name", text_anchor="end")
    return joined(outline, at_most)


def running_at_once(moments: Iterable[tuple[int, int | None]], window: Window) -> list[int]:
    """How many runs each stretch of the window saw, for the stretches a picture can show."""
    changes = [0] * (_BINS + 1)
    for begins_at, ends_at in moments:
        first = _bin(begins_at, window)
        last = _bin(window.ends_at if ends_at is None else ends_at, window)
        changes[first] += 1
        changes[max(first + 1, last)] -= 1
    return list(itertools.accumulate(changes))[:_BINS]


def _bin(at: int, window: Window) -> int:
    return max(0, min(_BINS - 1, _BINS * (at - window.begins_at) // window.length_ms))


def _row(spans: Sequence[Span], y: int, window: Window) -> Markup:
    name = shortened(spans[0].name, _LABEL)
    while width(name) > _LABEL:
        name = shortened(name, len(name) - 1)
    label = _words(name, _LEFT - 10, y + _BAR - 3, "name", text_anchor="end")
    return joined(label, *(_bar(span, y, window) for span in spans))


def _bar(span: Span, y: int, window: Window) -> Markup:
    until = window.ends_at if span.ended_at is None else span.ended_at
    x = window.x(span.started_at)
    wide = max(2.0, round(window.x(until) - x, 1))
    fate = fate_of(span)
    told = f"{span.name}: {fate}, {length(until - span.started_at)}"
    bar = element(
        "rect", x=x, y=y, width=wide, height=_BAR, rx=2, class_=f"bar {fate}"
    )  # fmt: skip
    sign = _SIGNS.get(fate)
    mark = _words(sign, x + wide + 4, y + _BAR - 3, f"sign {fate}") if sign else Markup("")
    return element("g", element("title", told), bar, mark)


_SIGNS = {"failed": "x", "parked": "!"}


def fate_of(span: Span) -> str:
    """What became of an attempt, as a word and a class of the page."""
    if span.ended_at is None:
        return "running"
    if not span.is_last:
        return "lost"
    return span.state if span.state in ("succeeded", "failed", "parked") else "lost"


def overlap_and_serial(wall_ms: int, serial_ms: int) -> Markup:
    """The night beside the same night one job after another, to one scale."""
    longest = max(wall_ms, serial_ms, 1)
    rows = (("this night", wall_ms, "succeeded"), ("one after another", serial_ms, "rest"))
    drawn = []
    for place, (name, took, class_) in enumerate(rows):
        y = place * _ROW + 2
        wide = max(2.0, round((_PLOT - 90) * took / longest, 1))
        drawn += [
            _words(name, _LEFT - 10, y + _BAR - 3, "name", text_anchor="end"),
            element("rect", x=_LEFT, y=y, width=wide, height=_BAR, rx=2, class_=f"bar {class_}"),
            _words(length(took), _LEFT + wide + 6, y + _BAR - 3, "tick"),
        ]
    return _picture("How long it took, and one after another", 2 * _ROW, drawn)


def costs(nights: Sequence[Night], cap_micros: int | None) -> Markup | None:
    """A bar for each night, the oldest first; in tokens where nothing cost money."""
    in_money = any(night.usd_micros for night in nights)
    values = [night.usd_micros if in_money else night.tokens for night in reversed(nights)]
    if len(values) < 2 or not any(values):
        return None
    words = dollars if in_money else count
    most = max(values)
    shows_cap = in_money and cap_micros is not None and most <= cap_micros <= 3 * most
    top = cap_micros if shows_cap and cap_micros else most
    drawn = [*_columns(nights, values, top), _level(median(values[:-1]), top, words, "median ")]
    if shows_cap and cap_micros:
        drawn.append(_level(cap_micros, top, words, "cap "))
    return _picture("What the nights cost", _CHART + 40, drawn)


def _columns(nights: Sequence[Night], values: Sequence[int], top: int) -> Iterable[Markup]:
    step = min(48.0, _PLOT / len(values))
    last = len(values) - 1
    for place, (night, amount) in enumerate(zip(reversed(nights), values, strict=True)):
        high = round(_CHART * amount / top, 1)
        x, y = round(_LEFT + place * step, 1), 16 + _CHART - high
        class_ = "bar tonight" if place == last else "bar rest"
        told = element("title", f"{night.edition}: {dollars(night.usd_micros)}, "
                       f"{count(night.tokens)} tokens")  # fmt: skip
        shape = element("rect", x=x, y=y, width=round(step * 0.72, 1), height=high, class_=class_)
        yield element("g", told, shape)
        if place in (0, last):
            edge = "start" if place == 0 else "end"
            under = x if place == 0 else x + step * 0.72
            yield _words(night.edition, under, _CHART + 32, "tick", text_anchor=edge)


def _level(value: float, top: int, words: Callable[[int], str], name: str) -> Markup:
    y = round(16 + _CHART - _CHART * value / top, 1)
    told = words(round(value))
    line = element("line", x1=_LEFT, x2=WIDTH - _RIGHT, y1=y, y2=y, class_="level")
    return joined(line, _words(f"{name}{told}", _LEFT - 10, y + 4, "name", text_anchor="end"))
