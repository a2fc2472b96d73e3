"""What a batch looks like while it runs: a board folded from events, and the lines of a screen.

The board costs what is in flight, not what the batch holds: events move its counts, and only rows
that are shown are read again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import tzinfo

from bydawn.core.states import State, shown
from bydawn.store.read import EventRow
from bydawn.watch.amounts import count, dollars, length, time_of_day
from bydawn.watch.sanitise import fitted, inert, width

_NEEDY = (State.FAILED.value, State.PARKED.value)
_IN_FLIGHT = (State.LAUNCHING.value, State.RUNNING.value, State.FINISHING.value)
_DONE = (State.SUCCEEDED.value, State.CANCELLED.value)
_KEPT = 64
_BAR = 36
_NAME = 28
_MARKS = {"failed": "x", "parked": "!", "running": ">", "queued": ".", "succeeded": "+",
          "cancelled": "-"}  # fmt: skip
_WORDS = {"queued": "waiting"}


@dataclass(slots=True)
class Board:
    """How many jobs are in which state, and which ones a screen would show first."""

    counts: dict[str, int] = field(default_factory=dict)
    needy: dict[int, None] = field(default_factory=dict)
    running: dict[int, None] = field(default_factory=dict)
    waiting: dict[int, None] = field(default_factory=dict)
    done: dict[int, None] = field(default_factory=dict)

    @property
    def total(self) -> int:
        return sum(self.counts.values())

    @property
    def over(self) -> int:
        return self.total - self.counts.get("queued", 0) - self.counts.get("running", 0)

    def place(self, number: int, state: str) -> None:
        """Put a job where its state belongs, behind those that came before it."""
        for group in (self.needy, self.running, self.waiting, self.done):
            group.pop(number, None)
        group = self._group(state)
        group[number] = None
        if group is not self.running and len(group) > _KEPT:
            del group[next(iter(group))]

    def learn(self, event: EventRow) -> None:
        """Let one event move its job."""
        if event.job_number is None or event.to_state is None or event.from_state is None:
            return
        before, after = _counted_as(event.from_state), _counted_as(event.to_state)
        if before != after:
            self.counts[before] = max(0, self.counts.get(before, 0) - 1)
            self.counts[after] = self.counts.get(after, 0) + 1
        if event.from_state != event.to_state:
            self.place(event.job_number, event.to_state)

    def first(self, room: int) -> list[int]:
        """The jobs to show: what needs a person, what runs, what waits, what was done last."""
        running = list(self.running)
        ranked = [*self.needy, *running, *reversed(self.waiting), *reversed(self.done)]
        return ranked[:room]

    def _group(self, state: str) -> dict[int, None]:
        if state in _NEEDY:
            return self.needy
        if state in _IN_FLIGHT:
            return self.running
        return self.done if state in _DONE else self.waiting


@dataclass(frozen=True, slots=True)
class Shown:
    """One row of the screen."""

    name: str
    state: str
    attempt: int
    elapsed_ms: int | None
    tokens: int
    cost_micros: int | None
    note: str


@dataclass(frozen=True, slots=True)
class Frame:
    """Everything one drawing of the screen needs."""

    title: str
    counts: dict[str, int]
    elapsed_ms: int
    rows: Sequence[Shown] = ()
    deadline_at: int | None = None
    now: int = 0
    spent_micros: int | None = None
    cap_micros: int | None = None
    hint: str = ""

    @property
    def total(self) -> int:
        return sum(self.counts.values())


def live_lines(frame: Frame, columns: int, rows: int, zone: tzinfo | None) -> list[str]:
    """The live screen as plain lines, none wider and not more than fit."""
    head = [_title(frame, zone), _bar(frame)]
    money = _money(frame)
    head += [money] if money else []
    room = max(0, rows - len(head) - 3)
    table = [_row(one) for one in frame.rows[:room]]
    if table:
        head += [_headings(), *table]
    left = frame.total - len(table)
    if left and table:
        head.append(f"   … {left} more")
    if frame.hint:
        head.append(f" {frame.hint}")
    return [fitted(line, columns) for line in head[:rows]]


def summary_line(counts: dict[str, int]) -> str:
    """What plain progress says once a minute when nothing else happened."""
    total = sum(counts.values())
    over = total - counts.get("queued", 0) - counts.get("running", 0)
    return f"{over}/{total} done: {_tally(counts)}"


def marked_state(line: str) -> str | None:
    """Which state a line of the screen is about, so that a face may colour it."""
    found = {mark: state for state, mark in _MARKS.items()}
    return found.get(line[1]) if len(line) > 2 and line[0] == " " and line[2] == " " else None


def _title(frame: Frame, zone: tzinfo | None) -> str:
    told = f" {inert(frame.title)}   {length(frame.elapsed_ms)}"
    if frame.deadline_at is None:
        return told
    left = frame.deadline_at - frame.now
    rest = f"in {length(left)}" if left > 0 else "passed"
    return f"{told}   deadline {time_of_day(frame.deadline_at, zone)[:5]} ({rest})"


def _bar(frame: Frame) -> str:
    total = frame.total
    over = total - frame.counts.get("queued", 0) - frame.counts.get("running", 0)
    filled = _BAR * over // total if total else 0
    bar = "#" * filled + "-" * (_BAR - filled)
    return f" [{bar}] {over}/{total}   {_tally(frame.counts)}"


def _tally(counts: dict[str, int]) -> str:
    order = ("succeeded", "failed", "parked", "cancelled", "running", "queued")
    parts = [f"{counts[name]} {_WORDS.get(name, name)}" for name in order if counts.get(name)]
    return "  ".join(parts)


def _money(frame: Frame) -> str:
    if not frame.spent_micros and frame.cap_micros is None:
        return ""
    cap = f" of {dollars(frame.cap_micros)}" if frame.cap_micros is not None else ""
    return f" {dollars(frame.spent_micros or 0)}{cap} spent or set aside"


def _headings() -> str:
    numbers = f"{'TRY':>3} {'ELAPSED':>9} {'TOKENS':>7} {'USD':>7}"
    return f"   {'JOB':<{_NAME}} {'STATE':<10} {numbers}  NOTE"


def _row(one: Shown) -> str:
    name = fitted(inert(one.name), _NAME)
    padded = name + " " * (_NAME - width(name))
    state = _WORDS.get(one.state, one.state)
    tokens = count(one.tokens) if one.tokens else "-"
    cost = dollars(one.cost_micros)[1:] if one.cost_micros else "-"
    tried = str(one.attempt) if one.attempt else "-"
    took = length(one.elapsed_ms)
    return (
        f" {_MARKS[one.state]} {padded} {state:<10} {tried:>3} {took:>9} {tokens:>7} {cost:>7}"
        f"  {one.note}"
    )


def _counted_as(state: str) -> str:
    """The public word: a launch under way still counts as queued."""
    return shown(state)
