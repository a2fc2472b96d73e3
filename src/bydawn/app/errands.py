"""What is to be driven, and how the driving ended."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from bydawn.runner.stopping import Stop


@dataclass(slots=True)
class Errand:
    """What to drive: which batches, until when, and whether new jobs may be started."""

    choose: Callable[[], Iterable[int]]
    only: str = ""
    claims: bool = True
    cancels: bool = False
    until_at: int | None = None
    is_done: Callable[[], bool] = lambda: False
    rivals: frozenset[int] = frozenset()


@dataclass(slots=True)
class Driven:
    """How the driving ended. ``others`` are live runners that made it unnecessary."""

    stop: Stop
    signal: int | None = None
    others: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)
