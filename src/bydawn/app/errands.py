"""What is to be driven, and how the driving ended. The runner itself is loaded only to drive."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from bydawn.app.place import Place
from bydawn.app.values import Face, Invocation
from bydawn.runner.stopping import Stop
from bydawn.store.store import Store


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


def drive(place: Place, invocation: Invocation, store: Store, errand: Errand, face: Face) -> Driven:
    """Be a runner until the errand is done; the store connection is the caller's."""
    from bydawn.app.driving import carry_out

    return carry_out(place, invocation, store, errand, face)
