"""The connections of a simulated night to its store, each with the troubles of the night."""

from __future__ import annotations

from collections.abc import Callable

from bydawn.core.clock import Clock
from bydawn.store.store import Store
from bydawn.testing.disturbed import StoreTroubles, Weather, disturbed
from bydawn.testing.ground import Opener


class Connections:
    """All that are open. ``judge`` is the clock of the server, where machines share a store."""

    def __init__(
        self, opener: Opener, judge: Clock | None, troubles: StoreTroubles, weather: Weather
    ) -> None:
        self._opener, self._judge = opener, judge
        self._troubles, self._weather = troubles, weather
        self._open: list[Store] = []

    def open(self, clock: Clock) -> Store:
        store = self._opener(clock, self._judge)
        if self._troubles != StoreTroubles():
            store.session = disturbed(store.session, self._troubles, self._weather)
        self._open.append(store)
        return store

    def reopened(self, clock: Clock, meanwhile: Callable[[], None]) -> Store:
        """A new one, to what the store is once all were let go of and ``meanwhile`` was done."""
        self.close()
        meanwhile()
        return self.open(clock)

    def close(self) -> None:
        for store in self._open:
            store.close()
        self._open.clear()
