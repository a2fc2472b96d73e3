"""When a batch will probably end and what it has set aside: asked of the store now and then."""

from __future__ import annotations

from bydawn.core.foretelling import foretold_end
from bydawn.store import history, totals
from bydawn.store.store import Batch, Store

_EVERY_MS = 5_000
# Above this many jobs the sums cost more than the answer is worth.
_LARGEST = 50_000


class Outlook:
    """Remembers the last answer for a few seconds."""

    def __init__(self, store: Store, batch: Batch) -> None:
        self._store, self._batch = store, batch
        self._asked_at: int | None = None
        self._ends_at: int | None = None
        self.reserved_micros = 0

    def ends_at(self, now: int) -> int | None:
        """The moment the last job should end, as far as anything is known."""
        if self._asked_at is None or now - self._asked_at >= _EVERY_MS:
            self._asked_at = now
            self._ask(now)
        return self._ends_at

    def _ask(self, now: int) -> None:
        session, number = self._store.session, self._batch.number
        waiting, running = history.outlook(session, number, now)
        if waiting.jobs + running.jobs > _LARGEST:
            return
        usual = history.usual_ms(session, number)
        terms = self._batch.terms
        self._ends_at = foretold_end(now, terms.parallel, waiting, running, usual)
        if not waiting.jobs + running.jobs:
            self._ends_at = None
        self.reserved_micros = totals.reserved(session, number) if terms.bound.usd_micros else 0
