"""From an open place to what documents and pages are read with."""

from __future__ import annotations

from bydawn.app.app import App
from bydawn.app.backends import REGISTRY
from bydawn.watch.documents import Reading


def reading_of(app: App, before: frozenset[int] = frozenset()) -> Reading:
    """What is known beside the rows. ``before`` are the jobs that had succeeded before this run."""
    store = app.existing_store()
    live = [runner.batches for runner in app.runners()]
    served: frozenset[int] = frozenset().union(*live)
    promised = REGISTRY.guarantee_of, before, REGISTRY.keeps_ms
    return Reading(store, app.clock.utc_ms(), served, *promised)
