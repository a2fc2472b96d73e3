"""An answer that is not there yet, and what is to be made of it when it comes."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar

from bydawn.core.sightings import LaunchAnswer
from bydawn.core.values import value

R = TypeVar("R")
Step = Callable[[Any], Any]
PATIENCE_MS = 30_000


@value
class Later:
    """A launch whose answer comes by itself.

    ``when_known`` is called once, by whoever asked for the launch, and given who is to be told; it
    returns at once. That one is told from whatever thread has the answer, also before it returns.
    Only the first answer counts. After ``patience_ms`` nobody waits for it any more: the launch is
    then unclear. ``steps`` lead from the answer to the fact.
    """

    when_known: Callable[[Callable[[LaunchAnswer], None]], None]
    patience_ms: int = PATIENCE_MS
    steps: tuple[Step, ...] = ()

    def then(self, step: Step) -> Later:
        return Later(self.when_known, self.patience_ms, (*self.steps, step))

    def within(self, around: Callable[[Callable[[], Any]], Any]) -> Later:
        """With all its steps so far taken inside of ``around``."""

        def whole(answer: LaunchAnswer) -> Any:
            return around(partial(self.fact, answer))

        return Later(self.when_known, self.patience_ms, (whole,))

    def fact(self, answer: LaunchAnswer) -> Any:
        """What the answer comes to."""
        fact: Any = answer
        for step in self.steps:
            fact = step(fact)
        return fact


def once_known(answer: Any, step: Callable[[Any], R]) -> R | Later:
    """``step`` of an answer: taken now, or when the answer is there."""
    return answer.then(step) if isinstance(answer, Later) else step(answer)
