"""One look at the store: a short-lived connection of its own, in a thread of the pool."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import field
from threading import Event
from typing import TYPE_CHECKING, TypeVar

from starlette.concurrency import run_in_threadpool

from bydawn.app import App, Invocation, open_app
from bydawn.app.readings import reading_of
from bydawn.core.values import value
from bydawn.watch.documents import Reading

if TYPE_CHECKING:
    from bydawn.web.guarding import Keys

T = TypeVar("T")


@value
class Site:
    """What every page needs: where the store is, and the keys of its forms; ``leaving`` is set
    when the dashboard is being ended."""

    invocation: Invocation
    keys: Keys
    leaving: Event = field(default_factory=Event)

    def opened(self) -> App:
        return open_app(self.invocation)

    async def look(self, at: Callable[[App, Reading], T]) -> T:
        """Read something; the connection is closed again before anything is sent."""
        return await run_in_threadpool(self._look, at)

    async def act(self, do: Callable[[App], T]) -> T:
        """Change something through the app."""
        return await run_in_threadpool(self._act, do)

    def _look(self, at: Callable[[App, Reading], T]) -> T:
        app = self.opened()
        try:
            return at(app, reading_of(app))
        finally:
            app.close()

    def _act(self, do: Callable[[App], T]) -> T:
        app = self.opened()
        try:
            return do(app)
        finally:
            app.close()
