"""Where the store of a simulated night lies: in memory, which is fast, or in a file, which is what
people have."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Protocol

from bydawn.core.clock import Clock
from bydawn.store.memory import Memory
from bydawn.store.sqlite import forgo_durability
from bydawn.store.store import Store, open_store, opened
from bydawn.testing.virtual import HandWoundClock

STORE = "s_simulated"


class Opener(Protocol):
    """Makes one more connection to a night's store. ``judge`` is the clock of the server, where
    several machines share a store: by it leases are judged."""

    def __call__(self, clock: Clock, judge: Clock | None = None) -> Store: ...


class InMemory:
    """A database of this process. Calling it opens one more connection."""

    def __init__(self) -> None:
        self._memory = Memory(_image())

    def __call__(self, clock: Clock, judge: Clock | None = None) -> Store:
        return opened(self._memory.session(clock, judge), STORE)

    def close(self) -> None:
        self._memory.close()


@functools.cache
def _image() -> Memory:
    """A store as it is when it was just made: made once, since all are alike."""
    image = Memory()
    opened(image.session(HandWoundClock()), STORE)
    return image


class InFile:
    """A file, without its durability: what power loss does is proved elsewhere."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "store.db"

    def __call__(self, clock: Clock, judge: Clock | None = None) -> Store:
        assert judge is None, "one file belongs to one machine"
        store = open_store(self._path, clock, STORE)
        forgo_durability(store.session)
        return store
