"""Runs of agents as a vendor has them, and a ledger of every launch that was taken on.

The ledger is the independent witness: what a runner says about its launches is held against it.
"""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

NEVER = 1 << 60


@dataclass(frozen=True, slots=True)
class Life:
    """What becomes of one run. ``ends`` is "ok", or the vendor's own word for another ending;
    ``asks``: it waits for a person instead of ending; ``told``: more words for the ending."""

    takes_ms: int = 1_000
    ends: str = "ok"
    answer: str = "It is done."
    tokens_in: int = 1_000
    tokens_out: int = 200
    files: Mapping[str, bytes] = field(default_factory=dict)
    asks: bool = False
    told: Mapping[str, Any] = field(default_factory=dict)
    lag_ms: int = 0


@dataclass(frozen=True, slots=True)
class Taken:
    """One launch that was taken on: the line of a ledger."""

    at: int
    key: str
    prompt: str
    run: str
    body: Mapping[str, Any]


@dataclass(slots=True)
class Living:
    """One run. ``lag_ms`` of its life is how long a cancel takes to be seen."""

    id: str
    key: str
    prompt: str
    started_at: int
    life: Life
    body: Mapping[str, Any]
    cancelled_at: int = NEVER

    def is_cancelled(self, now: int) -> bool:
        return self.cancelled_at + self.life.lag_ms <= now and self.cancelled_at < self.ends_at

    @property
    def ends_at(self) -> int:
        return NEVER if self.life.asks else self.started_at + self.life.takes_ms

    def is_over(self, now: int) -> bool:
        return self.is_cancelled(now) or now >= self.ends_at

    def asks(self, now: int) -> bool:
        return self.life.asks and now >= self.started_at + self.life.takes_ms

    def cancel(self, now: int) -> None:
        if not self.is_over(now):
            self.cancelled_at = min(self.cancelled_at, now)

    def spent(self, now: int) -> tuple[int, int]:
        """Tokens in and out so far: they grow with the run's time."""
        until = min(now, self.ends_at, self.cancelled_at)
        share = min(1.0, max(0.0, (until - self.started_at) / max(1, self.life.takes_ms)))
        return round(self.life.tokens_in * share), round(self.life.tokens_out * share)


class Lives:
    """Every run of one vendor, by id. ``plan`` says what becomes of a run, from its prompt."""

    def __init__(
        self, now_ms: Callable[[], int], plan: Callable[[str], Life] = lambda _: Life()
    ) -> None:
        self.now_ms, self._plan = now_ms, plan
        self.ledger: list[Taken] = []
        self.runs: dict[str, Living] = {}
        self.forgotten: set[str] = set()
        self._numbers = itertools.count(1)
        self._guard = threading.Lock()

    def number(self) -> int:
        """For names: the next one, never twice."""
        with self._guard:
            return next(self._numbers)

    def start(self, prefix: str, key: str, prompt: str, body: Mapping[str, Any]) -> Living:
        """Take a launch on; it is in the ledger whatever becomes of the answer."""
        now = self.now_ms()
        run = Living(f"{prefix}{self.number()}", key, prompt, now, self._plan(prompt), dict(body))
        with self._guard:
            self.runs[run.id] = run
            self.ledger.append(Taken(now, key, prompt, run.id, dict(body)))
        return run

    def get(self, name: str) -> Living | None:
        """The run of this id; None for one that never was, or that the vendor forgot."""
        return None if name in self.forgotten else self.runs.get(name)

    def launches_of(self, key: str) -> int:
        return sum(one.key == key for one in self.ledger)
