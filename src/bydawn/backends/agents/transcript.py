"""What one run of an agent has said on stdout so far, event by event, and what it comes to."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from bydawn.backends.agents.words import Said
from bydawn.backends.managed.meters import counted
from bydawn.core.sightings import Alive, Failure, FailureClass, Outcome, Usage
from bydawn.core.values import value

_MOST = 2**53
_TEXT_CAP = 8_000_000


@value
class Ending:
    """How the program ended, and the last of what it printed beside its envelope."""

    outcome: Outcome
    log: str

    def said(self, message: str, http: int | None = None, reset_at: int | None = None) -> Said:
        """A message as it was said at the end."""
        return Said(message, self.outcome.ended_at, http, reset_at)


class Transcript:
    """Takes events as they come. What is not understood is passed over: the agent is not trusted.

    ``steps`` counts what an agent did, not what it merely printed; ``over`` says that the event
    which ends every good run was seen.
    """

    def __init__(self) -> None:
        self.steps = 0
        self.over = False
        self.text = ""
        self.answer: Any = None
        self.usage = Usage()
        self.question: str | None = None
        self.session = ""

    @property
    def so_far(self) -> Usage:
        """At least this was used by now; what it comes to is only said at the end."""
        return self.usage

    def take(self, event: dict[str, Any]) -> None:
        """Understand one event."""
        raise NotImplementedError

    def judge(self, ending: Ending) -> Failure | None:
        """What went wrong by the agent's own words."""
        raise NotImplementedError

    def seen(self, alive: Alive) -> Alive:
        """The run as it is seen while it goes on. An agent that acts is judged by its acts."""
        alive = replace(alive, needs_input=alive.needs_input or self.question)
        if not self.steps or alive.progress is not None:
            return alive
        used = self.so_far
        spent = f"{sum(used.tokens.values())}/{used.cost_micros}"
        return replace(alive, witness=f"{self.steps}+{spent}", steps=f"{self.steps}",
                       usage=_of_both(used, alive.usage))  # fmt: skip

    def ended(self, outcome: Outcome, log: str) -> Outcome:
        """How the run ended, by its envelope as well as by its exit; ``log`` as in Ending."""
        outcome = replace(outcome, usage=_of_both(self.usage, outcome.usage))
        if outcome.stopped:
            return outcome
        result = outcome.result if outcome.result is not None else self._result()
        ending = Ending(outcome, log)
        failure = self.judge(ending) or self._by_exit(ending)
        return replace(outcome, failure=failure, result=None if failure else result)

    def _by_exit(self, ending: Ending) -> Failure | None:
        if ending.outcome.failure is not None:
            return ending.said(ending.log).failure() or ending.outcome.failure
        if not self.over:
            message = "it ended with exit 0 before it had said how"
            return Failure(FailureClass.TRANSIENT, "no_envelope", message)
        return None

    def _result(self) -> str | None:
        if self.answer is not None:
            return json.dumps(self.answer, ensure_ascii=False)
        text = self.text.strip()
        return json.dumps(text[:_TEXT_CAP], ensure_ascii=False) if text else None


def _of_both(theirs: Usage, reported: Usage) -> Usage:
    """The vendor's meter, or what the run reported of itself where there is none."""
    cost = reported.cost_micros if theirs.cost_micros is None else theirs.cost_micros
    return Usage(theirs.tokens or reported.tokens, cost)


def usage(
    fresh: int, read: int, written: int, out: int, thought: int = 0, cost: Any = None
) -> Usage:
    """A meter's word in our names; ``fresh`` is the input that was neither read from nor written
    to a cache, ``out`` includes ``thought``."""
    went_in = fresh + read + written
    tokens = counted(went_in, out, read=read, written=written, thought=thought)
    return Usage(tokens, micros(cost))


def micros(dollars: Any) -> int | None:
    if isinstance(dollars, bool) or not isinstance(dollars, int | float):
        return None
    return round(dollars * 1_000_000) if 0 <= dollars < 1_000_000 else None


def number(table: Any, name: str) -> int:
    """A count in a table that may be anything; 0 where there is none."""
    found = table.get(name) if isinstance(table, dict) else None
    if not isinstance(found, int) or isinstance(found, bool):
        return 0
    return found if 0 <= found <= _MOST else 0


def text(table: Any, *names: str) -> str:
    """A text inside tables that may be anything; empty where there is none."""
    found = table
    for name in names:
        found = found.get(name) if isinstance(found, dict) else None
    return found if isinstance(found, str) else ""


def entries(table: Any, name: str) -> list[dict[str, Any]]:
    """The tables in a list that may be anything."""
    found = table.get(name) if isinstance(table, dict) else None
    return [each for each in found if isinstance(each, dict)] if isinstance(found, list) else []
