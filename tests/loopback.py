"""A fake's server on the loopback, with faults of any shape between taking on and answering."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from bydawn.testing.fakes import faults
from bydawn.testing.fakes.frame import Answer, Asked, FakeServer, WireFormat


@dataclass(frozen=True, slots=True)
class Fault:
    """``instead`` of taking it on, or ``after`` having taken it on; None drops the line."""

    when: str
    answer: Answer | None = None


Trip = Callable[[Asked], Fault | None]


class Loopback(FakeServer):
    """``trip`` is asked about every request; ``seen`` is every one of them."""

    def __init__(self, fake: WireFormat) -> None:
        super().__init__(fake)
        self.trip: Trip = lambda _: None
        self.seen: list[Asked] = []

    def answer(self, asked: Asked) -> tuple[Answer | None, faults.Fault | None]:
        self.seen.append(asked)
        fault = self.trip(asked)
        if fault is not None and fault.when == "instead":
            return fault.answer, None
        answer, spoilt = super().answer(asked)
        return (fault.answer if fault is not None else answer), spoilt


@contextlib.contextmanager
def serving(fake: WireFormat) -> Iterator[Loopback]:
    """The fake on a port of its own, until the end of the block."""
    with Loopback(fake) as loopback:
        yield loopback
