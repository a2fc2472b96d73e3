"""Launches whose answers come by themselves, and who is to be told of them."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from functools import partial
from typing import TypeVar

from bydawn.core.decide import Fact
from bydawn.core.decide.step import Broken
from bydawn.core.later import Later
from bydawn.core.sightings import LaunchAnswer, LaunchUnclear

T = TypeVar("T")
Ticket = tuple[int, int]
"""A job's number and the token under which it was asked: a late fact of an older claim is no
fact."""


class Awaited:
    """Tells the fact of each exactly once: the first answer's, or that none came in time. Answers
    may come from any thread."""

    def __init__(self, tell: Callable[[Ticket, Fact], None]) -> None:
        self._tell = tell
        self._numbers = itertools.count()
        self._open: dict[int, tuple[Ticket, Later, int]] = {}

    def hear(self, ticket: Ticket, later: Later, now_ms: int) -> None:
        """Have the answer told when it is there; what asking for it raises leaves it open whether
        something started."""
        number = next(self._numbers)
        self._open[number] = (ticket, later, now_ms + later.patience_ms)
        try:
            later.when_known(partial(self._answer, number))
        except Exception as error:
            self._answer(number, LaunchUnclear(f"{type(error).__name__}: {error}"))

    def give_up(self, now_ms: int) -> None:
        """Wait no longer for what is overdue."""
        for number, (_, _, give_up_at) in self._open.copy().items():
            if now_ms >= give_up_at:
                self._answer(number, LaunchUnclear("its answer never came"))

    def _answer(self, number: int, answer: LaunchAnswer) -> None:
        asked = self._open.pop(number, None)  # in one step: only one of two threads has it
        if asked is not None:
            ticket, later, _ = asked
            self._tell(ticket, carried_out(partial(later.fact, answer)))


def carried_out(call: Callable[[], T]) -> T | Broken:
    """What a call gives back; what it raises becomes a fact too, never a success."""
    try:
        return call()
    except Exception as error:
        return Broken(f"{type(error).__name__}: {error}")
