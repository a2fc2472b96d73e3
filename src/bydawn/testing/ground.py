"""Where the store of a simulated night lies: in memory, which is fast, or in a file, which is what
people have."""

from __future__ import annotations

import functools
import shutil
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


class Ground(Opener, Protocol):
    """A store of which a backup can be made and put back: the newest of them."""

    def back_up(self) -> None: ...

    def put_back(self) -> None:
        """While no connection is open."""
        ...


class InMemory:
    """A database of this process. Calling it opens one more connection."""

    def __init__(self) -> None:
        self._memory = Memory(_image())
        self._backup: Memory | None = None

    def __call__(self, clock: Clock, judge: Clock | None = None) -> Store:
        return opened(self._memory.session(clock, judge), STORE)

    def back_up(self) -> None:
        self._backup = self._backup or Memory()
        self._backup.be(self._memory)

    def put_back(self) -> None:
        assert self._backup is not None
        self._memory.be(self._backup)

    def close(self) -> None:
        self._memory.close()
        if self._backup is not None:
            self._backup.close()


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
        self._backup = folder / "backup.db"

    def __call__(self, clock: Clock, judge: Clock | None = None) -> Store:
        assert judge is None, "one file belongs to one machine"
        store = open_store(self._path, clock, STORE)
        forgo_durability(store.session)
        return store

    def back_up(self) -> None:
        shutil.copyfile(self._path, self._backup)

    def put_back(self) -> None:
        shutil.copyfile(self._backup, self._path)
