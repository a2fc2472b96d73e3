"""The one background runner of a store: started by --detach, gone when everything is drained."""

from __future__ import annotations

from collections.abc import Iterable

from bydawn.app.place import Place
from bydawn.app.runs.beside import start_own
from bydawn.app.runs.driving import drive
from bydawn.app.runs.errands import Errand
from bydawn.app.values import Invocation, Silent
from bydawn.core.join import is_joined
from bydawn.processes.presence import Presence, is_gone
from bydawn.runner.stopping import Stop
from bydawn.store import read
from bydawn.store.store import Store

NAME = "background"


def ensure(place: Place) -> None:
    """Make sure one is alive. One that is just leaving looks once more after it has let go."""
    if not is_gone(place.state_folder, NAME):
        return
    start_own(place, NAME)


def serve(place: Place, invocation: Invocation, store: Store) -> int:
    """Be it. Exits 0 at once when another one is."""
    presence = Presence(place.state_folder, NAME)
    while presence.take():
        try:
            errand = Errand(choose=lambda: open_numbers(store))
            driven = drive(place, invocation, store, errand, Silent())
            _close_joined(store)
        finally:
            presence.release()
        if driven.stop is not Stop.JOINED or not list(open_numbers(store)):
            return 0
    return 0


def open_numbers(store: Store) -> Iterable[int]:
    """Batches that were left to the background and are not joined."""
    return [
        batch.number
        for batch in store.batches()
        if batch.background and batch.closed_at is None and not batch.paused
    ]


def _close_joined(store: Store) -> None:
    now = store.session.clock.utc_ms()
    for number in open_numbers(store):
        batch = store.batch(number)
        if is_joined(read.standing(store.session, number, now, batch.deadline_at)):
            store.close_batch(number)
