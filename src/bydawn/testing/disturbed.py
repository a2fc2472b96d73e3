"""What a store may do to whoever writes to it: be busy or full, lose the answer to a commit, carry
a write out twice."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from typing import TypeVar, cast

from bydawn.core.errors import StoreUnavailable
from bydawn.core.values import value
from bydawn.store import audit
from bydawn.store.connect import CommitUnknown, Session
from bydawn.testing.sessions import Around

T = TypeVar("T")


@value
class StoreTroubles:
    """How often each thing goes wrong with a write, as chances in [0, 1]. ``unknown_kept`` and
    ``unknown_lost``: nobody could say what became of the commit; ``again``: a first try certainly
    did not take place, and the same write was carried out once more."""

    busy: float = 0.0
    full: float = 0.0
    unknown_kept: float = 0.0
    unknown_lost: float = 0.0
    again: float = 0.0


class Weather:
    """Whether a trouble of the stores happens now, and what their writers were told is kept.
    ``met`` counts what happened, ``heads`` the ends of the journal that were acknowledged."""

    def __init__(self, chance: random.Random, met: Counter[str]) -> None:
        self._random, self._met = chance, met
        self.heads: dict[int, str] = {}
        self.is_kind = False

    def meets(self, situation: str, chance: float) -> bool:
        if not chance or self.is_kind or self._random.random() >= chance:
            return False
        self._met[situation] += 1
        return True

    def acknowledged(self, session: Session) -> None:
        """Somebody was told that what they wrote is kept, and so is all before it (I7)."""
        head = audit.head(session)
        if head is not None:
            self.heads[head.seq] = head.hash

    def forget(self, after: int) -> None:
        """The store went back: what was told after this event is gone, and rightly so."""
        self.heads = {seq: known for seq, known in self.heads.items() if seq <= after}


class _Undone(Exception):
    """Carried out, and taken back."""


class _DisturbedSession(Around):
    """A session whose write transactions go wrong now and then."""

    def __init__(self, session: Session, troubles: StoreTroubles, weather: Weather) -> None:
        super().__init__(session)
        self._troubles, self._weather = troubles, weather

    def transact(self, act: Callable[[], T]) -> T:
        for name in ("busy", "full", "unknown_lost", "again"):
            if self._happens(name):
                self._fail(name, act)
        done = self._session.transact(act)
        if self._happens("unknown_kept"):
            raise _unknown()
        self._weather.acknowledged(self._session)
        return done

    def _happens(self, name: str) -> bool:
        return self._weather.meets(f"store:{name}", getattr(self._troubles, name))

    def _fail(self, name: str, act: Callable[[], object]) -> None:
        if name == "busy":
            raise StoreUnavailable("the store: is busy", "try again")
        self._undone(act)
        if name == "full":
            raise StoreUnavailable("the store: the disk is full", "make room, then try again")
        if name == "unknown_lost":
            raise _unknown()

    def _undone(self, act: Callable[[], object]) -> None:
        def taken_back() -> None:
            act()
            raise _Undone

        try:
            self._session.transact(taken_back)
        except _Undone:
            return


def _unknown() -> CommitUnknown:
    return CommitUnknown("the store: the answer to a commit was lost", "run the same again")


def disturbed(session: Session, troubles: StoreTroubles, weather: Weather) -> Session:
    """The same session, with these troubles."""
    return cast(Session, _DisturbedSession(session, troubles, weather))
