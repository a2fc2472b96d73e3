"""``with bydawn.lease(…)``: hold a named lease while a block of Python runs."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from contextlib import AbstractContextManager
from types import TracebackType
from typing import TYPE_CHECKING

from bydawn.app.leases.leasing import Granted, Keeper, Lost, acquire, release
from bydawn.core.errors import BydawnError, Fenced, UsageError
from bydawn.core.fencing import Claim

if TYPE_CHECKING:
    from bydawn.app import App


class LeaseBlock:
    """A lease for the length of a ``with``. Entering raises Refused while another holds it; leaving
    raises Fenced when it was lost. ``lost`` is set before anybody else can hold it."""

    def __init__(
        self,
        opened: Callable[[], AbstractContextManager[App]],
        name: str,
        ttl_ms: int,
        wait_ms: int,
    ) -> None:
        self.opened = opened
        self._wanted = (name, ttl_ms, wait_ms)
        self._granted: Granted | None = None
        self._keeper: Keeper | None = None
        self.name = name

    def __enter__(self) -> LeaseBlock:
        with self.opened() as app:
            self._granted = acquire(app, *self._wanted)
            clock = app.clock
        self._keeper = Keeper(self.opened, self._granted, clock)
        self._keeper.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        was_lost = self.lost.is_set()
        self._kept().stop()
        try:
            with self.opened() as app:
                release(app, self.name, self.token, self.claim.nonce)
        except BydawnError:
            # The error of the block itself says more than what follows from it.
            if error is None:
                raise
        if was_lost and error is None:
            raise Fenced(f"{self.name}: the lease with token {self.token} was lost")

    @property
    def token(self) -> int:
        return self.claim.token

    @property
    def lost(self) -> Lost:
        """Like an Event: ``is_set()`` and ``wait(timeout)``."""
        return self._kept().lost

    @property
    def claim(self) -> Claim:
        """What a gate is shown."""
        if self._granted is None:
            raise UsageError(f"{self.name}: is not held", "use it in a with statement")
        return self._granted.claim

    def _kept(self) -> Keeper:
        if self._keeper is None:
            raise UsageError(f"{self.name}: is not held", "use it in a with statement")
        return self._keeper


def lease_block(opened: Callable[[], App], name: str, ttl_ms: int, wait_ms: int) -> LeaseBlock:
    """A block that opens the store anew for each act: a connection belongs to one thread."""
    return LeaseBlock(lambda: contextlib.closing(opened()), name, ttl_ms, wait_ms)
