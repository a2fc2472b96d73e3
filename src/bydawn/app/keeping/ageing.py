"""Age out what runs left behind: logs and drafts, after what their plan calls ``keep``.

Only of jobs that are over, only what this machine holds, and never what proves that something was
started or done: keys, revisions, receipts, claims and the journal stay for ever.
"""

from __future__ import annotations

import contextlib
import os
import time
from dataclasses import dataclass, field
from pathlib import Path

from bydawn.app.names import RUNS
from bydawn.app.place import Place
from bydawn.core.errors import StoreUnavailable
from bydawn.core.states import TERMINAL
from bydawn.processes import leftovers
from bydawn.store import keeping
from bydawn.store.keeping import Kept
from bydawn.store.store import Store

_OVER = frozenset(state.value for state in TERMINAL)
_STAMP = "aged"
_EVERY_MS = 6 * 3_600_000
_AT_MOST_S = 2.0


@dataclass(slots=True)
class Pruned:
    """What was, or would be, removed; ``left`` is what could not be, with the reason."""

    runs: int = 0
    size_bytes: int = 0
    plans: dict[str, int] = field(default_factory=dict)
    left: list[tuple[str, str]] = field(default_factory=list)


@dataclass(slots=True)
class Ageing:
    """One round over the run folders of this machine. ``keep_ms`` None takes each plan's own word;
    ``until_s``, on the clock of ``time.monotonic``, ends it early."""

    place: Place
    store: Store
    keep_ms: int | None = None
    is_rehearsal: bool = False
    until_s: float | None = None
    pruned: Pruned = field(default_factory=Pruned)
    _keeps: dict[int, int] = field(default_factory=dict)

    def carry_out(self) -> Pruned:
        now = self.store.session.clock.utc_ms()
        runs = str(self.place.state_folder / RUNS)
        # What began later than any plan's keep cannot be over for that long.
        keep_ms = keeping.shortest_ms(self.store.session) if self.keep_ms is None else self.keep_ms
        for job_id in leftovers.jobs_with_leftovers(runs, now - keep_ms):
            if self.until_s is not None and time.monotonic() > self.until_s:
                break
            self._look_at(runs, job_id, now)
        return self.pruned

    def _look_at(self, runs: str, job_id: str, now: int) -> None:
        job = keeping.job_with_id(self.store.session, job_id)
        if job is None or not self._is_old(job, now):
            return
        done = [self._age_out(job, folder) for folder in _runs_until(runs, job_id, job)]
        if all(done) and not self.is_rehearsal:
            leftovers.note_aged_out(runs, job_id)

    def _is_old(self, job: Kept, now: int) -> bool:
        """Over for longer than is kept; a draft others may read waits until its batch is joined."""
        if job.state not in _OVER or job.over_at is None:
            return False
        since = job.over_at
        if job.is_awaited:
            if job.closed_at is None:
                return False
            since = max(since, job.closed_at)
        return since + self._keep_of(job) <= now

    def _keep_of(self, job: Kept) -> int:
        if self.keep_ms is not None:
            return self.keep_ms
        if job.batch not in self._keeps:
            terms = keeping.terms_of(self.store.session, job.batch)
            self._keeps[job.batch] = terms.keep_ms
        return self._keeps[job.batch]

    def _age_out(self, job: Kept, folder: str) -> bool:
        """Whether nothing is left of this run that should go."""
        if leftovers.is_under_way(folder):
            return False
        size = leftovers.room_taken(folder)
        if size == 0:
            return True
        try:
            if not self.is_rehearsal:
                leftovers.remove_leftovers(folder)
        except OSError as error:
            self.pruned.left.append((folder, error.strerror or str(error)))
            return False
        self.pruned.runs += 1
        self.pruned.size_bytes += size
        self.pruned.plans[job.plan] = self.pruned.plans.get(job.plan, 0) + 1
        return True


def _runs_until(runs: str, job_id: str, job: Kept) -> list[str]:
    """The runs the store knew of when it said that the job is over; a newer one is none of ours."""
    known = (job.revision, job.generation)
    found = leftovers.runs_of(runs, job_id)
    return [folder for revision, generation, folder in found if (revision, generation) <= known]


def age_now_and_then(place: Place, store: Store) -> None:
    """At the end of a run: a few seconds at most, a few times a day, and never a reason to fail."""
    stamp = place.state_folder / _STAMP
    with contextlib.suppress(OSError, StoreUnavailable):
        if _is_due(stamp, store.session.clock.utc_ms()):
            stamp.touch(mode=0o600)
            Ageing(place, store, until_s=time.monotonic() + _AT_MOST_S).carry_out()


def _is_due(stamp: Path, now: int) -> bool:
    try:
        last = os.stat(stamp).st_mtime_ns // 1_000_000
    except FileNotFoundError:
        return True
    return not 0 <= now - last < _EVERY_MS
