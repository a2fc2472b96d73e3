"""What is to be driven, and how the driving ended."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from bydawn.runner.stopping import Stop

if TYPE_CHECKING:
    from bydawn.runner.drive import Drive


@dataclass(slots=True)
class Errand:
    """What to drive: which batches, until when, whether new jobs may be started and how many at
    once at most; ``is_last_join`` may keep it going when all of them are joined."""

    choose: Callable[[], Iterable[int]]
    only: str = ""
    claims: bool = True
    cancels: bool = False
    until_at: int | None = None
    is_done: Callable[[], bool] = lambda: False
    rivals: frozenset[int] = frozenset()
    own: int | None = None
    is_last_join: Callable[[Drive], bool] = lambda _: True


@dataclass(slots=True)
class Driven:
    """How the driving ended. ``others`` are live runners that made it unnecessary."""

    stop: Stop
    signal: int | None = None
    others: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)
