"""Runs of agents as a vendor has them, and a ledger of every launch that was taken on.

The ledger is the independent witness: what a runner says about its launches is held against it.
"""

from __future__ import annotations

import itertools
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from bydawn.core.values import value
from bydawn.testing.fakes.frame import Act, Answer, Asked, Route, WireFormat

NEVER = 1 << 60


@value
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


@value
class Taken:
    """One launch that was taken on: the line of a ledger."""

    at: int
    key: str
    prompt: str
    run: str
    body: Mapping[str, Any]

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


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
        self,
        now_ms: Callable[[], int] = lambda: time.time_ns() // 1_000_000,
        plan: Callable[[str], Life] = lambda _: Life(),
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

    def started(self) -> dict[str, int]:
        """How many runs each key has: the truth that a launch was made once."""
        return dict(Counter(one.key for one in self.ledger))

    def finish(self, name: str) -> None:
        """End a run well, now."""
        run = self.runs[name]
        run.life = replace(run.life, takes_ms=self.now_ms() - run.started_at)

    def launches_of(self, key: str) -> int:
        return sum(one.key == key for one in self.ledger)


class LivesFake(WireFormat):
    """A vendor's wire format over lives. Whoever sends none of its ``keys`` is turned away."""

    def __init__(self, lives: Lives | None = None, keys: frozenset[str] = frozenset()) -> None:
        self.runs: Lives = lives or Lives()
        self.keys = keys

    def sent_key(self, asked: Asked) -> set[str]:
        """The key that came with a request, wherever this vendor looks for it."""
        raise NotImplementedError

    def trouble(self, kind: str) -> Answer:
        """A refusal in this vendor's own words."""
        raise NotImplementedError

    def keyed(self, *routes: Route) -> Iterable[Route]:
        """The routes, none of which is open without a key."""
        return [
            (method, pattern, verb, self._guarded(act)) for method, pattern, verb, act in routes
        ]

    def of_run(self, show: Callable[[Living], Any]) -> Act:
        """For routes whose first part is the id of a run."""

        def acting(asked: Asked) -> Answer:
            run = self.runs.get(asked.parts[0])
            return self.trouble("missing") if run is None else Answer(200, show(run))

        return acting

    def _guarded(self, act: Act) -> Act:
        def acting(asked: Asked) -> Answer:
            if self.keys and not self.sent_key(asked) & self.keys:
                return self.trouble("bad_key")
            return act(asked)

        return acting


def page(items: list[Any], start: int, size: int) -> tuple[list[Any], int | None]:
    """A page of a listing, and where the next one begins."""
    end = start + size
    return items[start:end], end if end < len(items) else None


def written(at_ms: int) -> str:
    """An instant as RFC 3339."""
    return datetime.fromtimestamp(at_ms / 1_000, UTC).isoformat().replace("+00:00", "Z")


class SessionsFake(LivesFake):
    """A vendor whose runs are started in sessions; ``sessions`` are those there are, by id."""

    sessions: dict[str, dict[str, Any]]

    def of_session(self, act: Callable[[str, Asked], Answer]) -> Act:
        """For routes whose first part is the id of a session."""

        def acting(asked: Asked) -> Answer:
            name = asked.parts[0]
            is_known = name in self.sessions and name not in self.runs.forgotten
            return act(name, asked) if is_known else self.trouble("missing")

        return acting
