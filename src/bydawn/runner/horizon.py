"""When the next look pays: deadlines, retry timers, pauses, and what others wrote meanwhile."""

from __future__ import annotations

import json
from typing import Any

from bydawn.runner.held import Held
from bydawn.runner.rendering import Earlier
from bydawn.runner.scope import Scope, Served
from bydawn.store import read
from bydawn.store.admission import Kept, Open
from bydawn.store.store import Store
from bydawn.store.writing import Written

_FAR = 1 << 60
_BETWEEN_LOOKS_MS = 50
_NOTHING = Earlier()


class Horizon:
    """The moments of a scope. All of it is derived from the store and may be derived again."""

    def __init__(self, store: Store, scope: Scope, look_ms: int) -> None:
        self._store, self._scope, self._look_ms = store, scope, look_ms
        self._look_at = self.looked_at = 0
        self._between_ms = _BETWEEN_LOOKS_MS
        self._told_deadlines: set[int] = set()

    def is_due(self, boot: int) -> bool:
        return boot >= self._look_at

    def next_look(self) -> int:
        return self._look_at

    def hasten(self) -> None:
        """Somebody is said to have written: look soon. Many writes are worth one look, and where
        others never cease to write, each look makes the next one wait longer."""
        self._look_at = min(self._look_at, self.looked_at + self._between_ms)

    def look(self, boot: int) -> bool:
        """Whether anybody else has written since the last look; then the scope was read anew."""
        self.looked_at, self._look_at = boot, boot + self._look_ms
        if not self._store.session.changed_elsewhere():
            self._between_ms = _BETWEEN_LOOKS_MS
            return False
        self._between_ms = min(2 * self._between_ms, self._look_ms)
        self._scope.refresh()
        return True

    def limits_of(self, number: int, now: int) -> tuple[str | None, int]:
        """Why runs of a batch must end now, if they must; and what it has left of its retry
        budget, as far as this runner knows."""
        served = self._scope.served.get(number)
        if served is None:
            return None, 0
        if _is_past(served, now) and served.batch.terms.on_deadline == "cancel":
            return "deadline", served.retries_left
        return None, served.retries_left

    def spend_retry(self, number: int) -> None:
        served = self._scope.served.get(number)
        if served:
            served.retries_left -= 1

    def newly_past_deadline(self, now: int) -> list[int]:
        """Batches whose deadline has come since this was last asked."""
        past = {n for n, served in self._scope.served.items() if _is_past(served, now)}
        found = sorted(past - self._told_deadlines)
        self._told_deadlines = past
        return found

    def is_open(self, number: int, now: int) -> bool:
        """Whether anything may start in a batch."""
        served = self._scope.served[number]
        return not served.batch.paused and not _is_past(served, now)

    def wakes_at(self, now: int) -> int:
        """The next moment (UTC) at which a timer or a deadline changes what may be done."""
        moments = [_FAR]
        for number, served in self._scope.served.items():
            if served.wakes_at is not None and self.is_open(number, now):
                moments.append(served.wakes_at)
            deadline = served.batch.deadline_at
            if deadline is not None and number not in self._told_deadlines:
                moments.append(deadline)
        return min(moments)

    def rouse(self, now: int) -> None:
        """Timers that are up make their batch hungry."""
        for served in self._scope.served.values():
            if served.wakes_at is not None and now >= served.wakes_at:
                served.wakes_at, served.is_hungry = None, True

    def fed(self, claims: list[tuple[Open, int]], written: Written) -> None:
        """After a claim: still hungry if it got all it asked for, else until a timer or a
        change."""
        for opened, room in claims:
            served = self._scope.served[opened.number]
            taken = sum(1 for job in written.claimed if job.batch == opened.number)
            served.is_hungry = taken >= room
            served.kept = written.kept.get(opened.number, Kept())
            if not served.is_hungry:
                served.wakes_at = _next_start(served, written.timers.get(opened.number))

    def earlier_for(self, held: Held) -> Earlier:
        """What runs before this one left, as far as its payload speaks of it."""
        job, nature = held.job, held.nature
        if not (nature.speaks_of_results or nature.speaks_of_errors):
            return _NOTHING
        after = held.spec.after if nature.speaks_of_results else ()
        results = {name: self._result_of(job.batch, name) for name in after}
        if not nature.speaks_of_errors:
            return Earlier(results)
        return Earlier(results, read.last_error(self._store.session, job.number, job.attempts))

    def _result_of(self, batch: int, name: str) -> Any:
        found = read.jobs_named(self._store.session, batch, name)
        values = [json.loads(job.result) if job.result else None for job in found]
        return values[0] if len(found) == 1 and found[0].name == name else values


def _next_start(served: Served, timer: int | None) -> int | None:
    """A retry timer, or when what keeps jobs back lifts; a slot that frees tells of itself."""
    return min((at for at in (timer, served.kept.until) if at is not None), default=None)


def _is_past(served: Served, now: int) -> bool:
    deadline = served.batch.deadline_at
    return deadline is not None and now >= deadline
