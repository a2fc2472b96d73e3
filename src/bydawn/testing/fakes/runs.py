"""The runs of a fake service, and its ledger: what was really asked for and really started."""

from __future__ import annotations

import itertools
import threading
import time
from dataclasses import asdict, dataclass, field
from typing import Any

from bydawn.core.values import value


@value
class Scene:
    """How a run plays out. ``takes_ms`` None: until somebody calls ``finish``."""

    takes_ms: int | None = 0
    ends: str = "succeeded"
    result: Any = "done"
    usage: dict[str, int] = field(default_factory=lambda: {"input_tokens": 7, "output_tokens": 3})
    cost_usd: str = "0.0001"
    error: str = ""


@value
class Launch:
    """One launch as it reached the service; ``run`` is what came of it, empty for nothing."""

    key: str
    run: str
    at: float
    body: Any = None

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(slots=True)
class FakeRun:
    """One run. ``usage_at``: its meter is silent until then. ``is_lost``: it is denied."""

    id: str
    key: str
    scene: Scene
    body: Any
    started_at: float
    ends_at: float | None
    usage_at: float = 0.0
    is_lost: bool = False
    cancelled_at: float | None = None

    def state(self) -> str:
        now = time.monotonic()
        if self.ends_at is not None and now >= self.ends_at:
            return self.scene.ends
        return "running" if self.cancelled_at is None else "cancelled"

    def is_over(self) -> bool:
        return self.state() != "running"

    def shows_usage(self) -> bool:
        return time.monotonic() >= self.usage_at


class Runs:
    """All runs of one service; safe to use from many threads."""

    def __init__(self, scene: Scene | None = None) -> None:
        self.scene = scene or Scene()
        self.ledger: list[Launch] = []
        self.by_id: dict[str, FakeRun] = {}
        self._numbers = itertools.count(1)
        self._turn = threading.RLock()

    def start(self, key: str, body: Any = None, scene: Scene | None = None) -> FakeRun:
        """Start a run, whether or not there is one of this key."""
        scene, now = scene or self.scene, time.monotonic()
        ends_at = None if scene.takes_ms is None else now + scene.takes_ms / 1000
        with self._turn:
            run = FakeRun(f"run-{next(self._numbers)}", key, scene, body, now, ends_at)
            self.by_id[run.id] = run
            self.ledger.append(Launch(key, run.id, now, body))
        return run

    def note_replay(self, run: FakeRun) -> None:
        """A launch that was answered with a run there was already."""
        with self._turn:
            self.ledger.append(Launch(run.key, "", time.monotonic()))

    def of_key(self, key: str) -> list[FakeRun]:
        with self._turn:
            return [run for run in self.by_id.values() if run.key == key]

    def all(self) -> list[FakeRun]:
        with self._turn:
            return list(self.by_id.values())

    def get(self, name: str) -> FakeRun | None:
        run = self.by_id.get(name)
        return None if run is None or run.is_lost else run

    def finish(self, name: str) -> None:
        """End a run that waits for this."""
        self.by_id[name].ends_at = time.monotonic()

    def cancel(self, name: str) -> bool:
        """Whether there was anything to cancel."""
        run = self.get(name)
        if run is None or run.is_over():
            return False
        run.cancelled_at = time.monotonic()
        return True

    def started(self) -> dict[str, int]:
        """How many runs each key has: the truth that a launch was made once."""
        with self._turn:
            counts: dict[str, int] = {}
            for run in self.by_id.values():
                counts[run.key] = counts.get(run.key, 0) + 1
            return counts
