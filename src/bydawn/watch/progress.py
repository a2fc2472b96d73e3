"""What a batch looks like while it runs: a board folded from events.

The board costs what is in flight, not what the batch holds: events move its counts, and only rows
that are shown are read again.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from bydawn.core.states import State, shown
from bydawn.store.read import EventRow

_NEEDY = (State.FAILED.value, State.PARKED.value)
_IN_FLIGHT = (State.LAUNCHING.value, State.RUNNING.value, State.FINISHING.value)
_DONE = (State.SUCCEEDED.value, State.CANCELLED.value)
KEPT = 64
WORDS = {"queued": "waiting"}


@dataclass(slots=True)
class Board:
    """How many jobs are in which state, and which ones a screen would show first."""

    counts: dict[str, int] = field(default_factory=dict)
    needy: dict[int, None] = field(default_factory=dict)
    running: dict[int, None] = field(default_factory=dict)
    again: dict[int, None] = field(default_factory=dict)
    waiting: dict[int, None] = field(default_factory=dict)
    done: dict[int, None] = field(default_factory=dict)

    @property
    def total(self) -> int:
        return sum(self.counts.values())

    @property
    def over(self) -> int:
        return self.total - self.counts.get("queued", 0) - self.counts.get("running", 0)

    def place(self, number: int, state: str, was_tried: bool = False) -> None:
        """Put a job where its state belongs, behind those that came before it. ``was_tried``: what
        waits goes again."""
        for group in (self.needy, self.running, self.again, self.waiting, self.done):
            group.pop(number, None)
        group = self._group(state)
        group = self.again if was_tried and group is self.waiting else group
        group[number] = None
        if group is not self.running and len(group) > KEPT:
            # Of what waits the next ones are kept, of all else the newest.
            del group[number if group is self.waiting else next(iter(group))]

    def learn(self, event: EventRow) -> None:
        """Let one event move its job."""
        if event.job_number is None or event.to_state is None or event.from_state is None:
            return
        before, after = _counted_as(event.from_state), _counted_as(event.to_state)
        if before != after:
            self.counts[before] = max(0, self.counts.get(before, 0) - 1)
            self.counts[after] = self.counts.get(after, 0) + 1
        if event.from_state != event.to_state:
            was_tried = event.from_state in _IN_FLIGHT
            self.place(event.job_number, event.to_state, was_tried)

    def lacks_waiting(self, room: int) -> bool:
        """Whether there is room for more of what waits than is known of it by number."""
        known = len(self.running) + len(self.again) + len(self.waiting)
        there = self.counts.get("queued", 0) + self.counts.get("running", 0)
        return known < there and len(self.waiting) < min(room, KEPT)

    def first(self, room: int) -> list[int]:
        """The jobs to show: what needs a person, what runs, what goes again, what is next, what was
        done last."""
        waiting = [*reversed(self.again), *self.waiting]
        return [*self.needy, *self.running, *waiting, *reversed(self.done)][:room]

    def _group(self, state: str) -> dict[int, None]:
        if state in _NEEDY:
            return self.needy
        if state in _IN_FLIGHT:
            return self.running
        return self.done if state in _DONE else self.waiting


def summary_line(counts: dict[str, int]) -> str:
    """What plain progress says once a minute when nothing else happened."""
    total = sum(counts.values())
    over = total - counts.get("queued", 0) - counts.get("running", 0)
    return f"{over}/{total} done: {tally(counts)}"


def tally(counts: dict[str, int]) -> str:
    """How many in which state, in words."""
    order = ("succeeded", "failed", "parked", "cancelled", "running", "queued")
    parts = [f"{counts[name]} {WORDS.get(name, name)}" for name in order if counts.get(name)]
    return "  ".join(parts)


def _counted_as(state: str) -> str:
    """The public word: a launch under way still counts as queued."""
    return shown(state)
