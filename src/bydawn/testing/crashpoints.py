"""Points at which a process may die: before and after every commit and every call of a backend.

A crash is an exception that no product code catches (BaseException), so that nothing is tidied
up that a killed process would not have tidied up. What was committed stays, what was not is gone.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar, cast

from bydawn.backends.backend import Backend
from bydawn.core.later import Later
from bydawn.core.sightings import (
    CancelAnswer,
    Capabilities,
    Failure,
    FindAnswer,
    LaunchAnswer,
    Readiness,
    Request,
    ReserveAnswer,
    Sighting,
)
from bydawn.store.connect import Session
from bydawn.testing.sessions import Around

T = TypeVar("T")


class Crash(BaseException):
    """The process died here."""


@dataclass(slots=True)
class Points:
    """Counts the points a process passes. ``decide`` says, point by point, whether it dies there;
    ``nap`` may let the rest of the world go on between a decision and its transaction, ``hesitate``
    between two steps of a gate."""

    decide: Callable[[int, str], bool] = lambda _number, _name: False
    nap: Callable[[], None] = lambda: None
    hesitate: Callable[[], None] = lambda: None
    passed: list[str] = field(default_factory=list)

    def reach(self, name: str) -> None:
        """Pass a point, or die at it."""
        self.passed.append(name)
        if self.decide(len(self.passed), name):
            raise Crash(name)


class _CrashingSession(Around):
    """A session whose process may die before a transaction, inside it, or after its commit."""

    def __init__(self, session: Session, points: Points) -> None:
        super().__init__(session)
        self._points = points

    def transact(self, act: Callable[[], T]) -> T:
        def dying() -> T:
            done = act()
            self._points.reach("commit.before")
            return done

        self._points.nap()
        done = self._session.transact(dying)
        self._points.reach("commit.after")
        return done


def crashing(session: Session, points: Points) -> Session:
    """The same session, with a point before and after each of its commits."""
    return cast(Session, _CrashingSession(session, points))


class CrashingBackend(Backend):
    """The same backend, with a point before and after each of its calls."""

    def __init__(self, backend: Backend, points: Points) -> None:
        self._backend, self._points = backend, points
        self.name = backend.name
        self.capabilities: Capabilities = backend.capabilities

    def launch(self, request: Request) -> LaunchAnswer | Later:
        return self._around("launch", lambda: self._backend.launch(request))

    def reserve(self, request: Request) -> ReserveAnswer:
        return self._around("reserve", lambda: self._backend.reserve(request))

    def collect(self, request: Request, handle: str, folder: str) -> Failure | None:
        return self._around("collect", lambda: self._backend.collect(request, handle, folder))

    def readiness(self) -> Readiness:
        return self._backend.readiness()

    def find(self, request: Request) -> FindAnswer:
        return self._around("find", lambda: self._backend.find(request))

    def poll(self, handle: str) -> Sighting:
        return self._around("poll", lambda: self._backend.poll(handle))

    def cancel(self, handle: str, reason: str) -> CancelAnswer:
        return self._around("cancel", lambda: self._backend.cancel(handle, reason))

    def close(self) -> None:
        self._backend.close()

    def _around(self, verb: str, call: Callable[[], T]) -> T:
        self._points.reach(f"{verb}.before")
        answer = call()
        self._points.reach(f"{verb}.after")
        return answer
