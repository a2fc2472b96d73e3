"""The live screen as plain lines: a function of what is to be seen and of the room there is."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import field
from datetime import tzinfo

from bydawn.core.values import value
from bydawn.watch.amounts import count, dollars, length, time_of_day
from bydawn.watch.progress import WORDS, tally
from bydawn.watch.sanitise import fitted, inert, width

_BAR = 36
_SHORT_BAR = 20
_LONGEST_NAME, _SHORTEST_NAME = 32, 8
_MARKS = {"failed": "x", "parked": "!", "running": ">", "queued": ".", "succeeded": "+",
          "cancelled": "-"}  # fmt: skip
_CHOSEN = "*"
KEYS = (
    ("up, down", "choose a job"),
    ("l", "what it printed, as it comes"),
    ("c", "cancel it; asks first"),
    ("p", "pause the batch, or go on with it: nothing new is started meanwhile"),
    ("q", "leave"),
    ("?", "these keys"),
)


@value
class Shown:
    """One row of the screen. ``sign_ms`` is how long ago it last showed progress."""

    number: int
    name: str
    state: str
    attempt: int
    elapsed_ms: int | None
    tokens: int
    cost_micros: int | None
    note: str
    sign_ms: int | None = None


@value
class Purse:
    """What was spent or set aside, of how much: millionths of a dollar, and tokens."""

    usd_micros: int = 0
    usd_cap: int | None = None
    reserved_micros: int = 0
    tokens: int = 0
    tokens_cap: int | None = None


@value
class Frame:
    """Everything one drawing of the screen needs. ``pools``: name, places taken, places."""

    title: str
    counts: dict[str, int]
    elapsed_ms: int
    rows: Sequence[Shown] = ()
    deadline_at: int | None = None
    now: int = 0
    ends_at: int | None = None
    purse: Purse = field(default_factory=Purse)
    pools: Sequence[tuple[str, int, int | None]] = ()
    is_paused: bool = False

    @property
    def total(self) -> int:
        return sum(self.counts.values())


@value
class Room:
    """How much of the terminal there is."""

    columns: int
    rows: int


def board_lines(
    frame: Frame, room: Room, zone: tzinfo | None, chosen: int | None = None, hint: str = ""
) -> list[str]:
    """The board: header, rows as fit, a hint; no line wider, and not more of them, than fit."""
    head = _head(frame, room, zone)
    free = max(0, room.rows - len(head) - (2 if hint else 1) - 1)
    shown = frame.rows[:free]
    lines = head + (_table(shown, room.columns, chosen) if shown else [])
    left = frame.total - len(shown)
    if left > 0 and shown:
        lines.append(f"   … {left} more")
    return _cut([*lines[: room.rows - bool(hint)], *([f" {hint}"] if hint else [])], room)


def keys_lines(frame: Frame, room: Room, zone: tzinfo | None) -> list[str]:
    """What the keys do."""
    keys = [f"   {key:<10} {says}" for key, says in KEYS]
    return _cut([*_head(frame, room, zone), *keys, " any key goes back"], room)


def log_lines(name: str, text: Sequence[str], room: Room) -> list[str]:
    """The end of what a job printed, as much as fits."""
    free = max(1, room.rows - 2)
    tail = list(text)[-free:] or ["(it has printed nothing yet)"]
    return _cut([f" {inert(name)}: what it prints", *tail, " any key goes back"], room)


def marked_state(line: str) -> str | None:
    """Which state a line of the screen is about, so that a face may colour it."""
    found = {mark: state for state, mark in _MARKS.items()}
    return found.get(line[1]) if len(line) > 2 and line[0] in " *" and line[2] == " " else None


def _cut(lines: list[str], room: Room) -> list[str]:
    return [fitted(line, room.columns) for line in lines[: room.rows]]


def _head(frame: Frame, room: Room, zone: tzinfo | None) -> list[str]:
    means = "   ".join(part for part in (_money(frame), _tokens(frame), _pools(frame)) if part)
    lines = [_title(frame, zone), _bar(frame, room.columns)]
    return [*lines, f" {means}"] if means else lines


def _title(frame: Frame, zone: tzinfo | None) -> str:
    parts = [f" {inert(frame.title)}", length(frame.elapsed_ms)]
    if frame.is_paused:
        parts.append("PAUSED")
    if frame.ends_at is not None:
        parts.append(f"ends about {time_of_day(frame.ends_at, zone)[:5]}")
    if frame.deadline_at is not None:
        left = frame.deadline_at - frame.now
        rest = f"in {length(left)}" if left > 0 else "passed"
        parts.append(f"deadline {time_of_day(frame.deadline_at, zone)[:5]} ({rest})")
    return "   ".join(parts)


def _bar(frame: Frame, columns: int) -> str:
    total, size = frame.total, _BAR if columns >= 100 else _SHORT_BAR
    over = total - frame.counts.get("queued", 0) - frame.counts.get("running", 0)
    filled = size * over // total if total else 0
    bar = "#" * filled + "-" * (size - filled)
    return f" [{bar}] {over}/{total}   {tally(frame.counts)}"


def _money(frame: Frame) -> str:
    purse = frame.purse
    if not purse.usd_micros and purse.usd_cap is None:
        return ""
    cap = f" of {dollars(purse.usd_cap)}" if purse.usd_cap is not None else ""
    aside = f" ({dollars(purse.reserved_micros)} set aside)" if purse.reserved_micros else ""
    return f"{dollars(purse.usd_micros)}{cap}{aside}"


def _tokens(frame: Frame) -> str:
    purse = frame.purse
    if not purse.tokens and purse.tokens_cap is None:
        return ""
    cap = f" of {count(purse.tokens_cap)}" if purse.tokens_cap is not None else ""
    return f"{count(purse.tokens)}{cap} tokens"


def _pools(frame: Frame) -> str:
    told = (f"{name} {used}{f'/{places}' if places else ''}" for name, used, places in frame.pools)
    return "  ".join(told)


@value
class _Column:
    """One column after the name; left out on terminals narrower than ``from_columns``."""

    heading: str
    width: int
    from_columns: int
    tell: Callable[[Shown], str]


_COLUMNS = (
    _Column("STATE", -9, 0, lambda one: WORDS.get(one.state, one.state)),
    _Column("TRY", 3, 60, lambda one: str(one.attempt) if one.attempt else "-"),
    _Column("ELAPSED", 9, 40, lambda one: length(one.elapsed_ms)),
    _Column("LAST SIGN", 9, 76, lambda one: _sign(one)),
    _Column("TOKENS", 7, 92, lambda one: count(one.tokens) if one.tokens else "-"),
    _Column(
        "USD",
        7,
        92,
        lambda one: dollars(one.cost_micros).replace("$", "") if one.cost_micros else "-",
    ),
)


def _sign(one: Shown) -> str:
    return "-" if one.sign_ms is None else f"{length(one.sign_ms // 1000 * 1000)} ago"


def _table(rows: Sequence[Shown], columns: int, chosen: int | None) -> list[str]:
    """Headings and rows; the names take no more room than they need."""
    named = max(width(inert(row.name)) for row in rows)
    name_width = max(_SHORTEST_NAME, min(_LONGEST_NAME, named, columns // 3))
    shown = [column for column in _COLUMNS if columns >= column.from_columns]
    headings = " ".join(_aligned(column.heading, column.width) for column in shown)
    lines = [f"   {'JOB':<{name_width}} {headings}  NOTE"]
    for one in rows:
        name = fitted(inert(one.name), name_width)
        padded = name + " " * (name_width - width(name))
        told = " ".join(_aligned(column.tell(one), column.width) for column in shown)
        mark = _CHOSEN if one.number == chosen else " "
        lines.append(f"{mark}{_MARKS[one.state]} {padded} {told}  {one.note}".rstrip())
    return lines


def _aligned(text: str, places: int) -> str:
    """To the right; to the left where ``places`` is negative."""
    return f"{text:<{-places}}" if places < 0 else f"{text:>{places}}"
