"""Named leases: take one, keep it, give it back, and know in time that it is lost.

Whoever holds a lease distrusts it first: trust is counted from before the store was asked, and ends
a margin before the store may give the name to anybody else.
"""

from __future__ import annotations

import contextlib
import getpass
import os
import re
import secrets
import socket
import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING

from bydawn.core.clock import Clock
from bydawn.core.errors import BydawnError, Fenced, Refused, StoreUnavailable, UsageError
from bydawn.core.fencing import Claim
from bydawn.core.leases import margin_ms, may_act, renew_at, trusted_until
from bydawn.core.values import value
from bydawn.store import leases
from bydawn.store.leases import Lease
from bydawn.store.receipts import store_id

if TYPE_CHECKING:
    from bydawn.app import App

__all__ = [
    "Granted",
    "Keeper",
    "Lease",
    "Lost",
    "acquire",
    "claim_of",
    "holder_here",
    "release",
    "renew",
    "show",
]

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/@-]{0,127}")
_LOOK_AGAIN_S = 0.05
_TRY_AGAIN_SHARE = 20
SHORTEST_MS = 500


@value
class Granted:
    """A lease that is ours. ``trusted_until`` is on this machine's clock that counts sleep."""

    lease: Lease
    claim: Claim
    ttl_ms: int
    asked_at: int

    @property
    def trusted_until(self) -> int:
        return trusted_until(self.asked_at, self.ttl_ms)


def acquire(app: App, name: str, ttl_ms: int, wait_ms: int = 0, holder: str = "") -> Granted:
    """Take a name, waiting for it at most so long; Refused names who holds it until when."""
    _check(name, ttl_ms)
    session, until = app.store.session, app.clock.boot_ms() + wait_ms
    while True:
        asked_at = app.clock.boot_ms()
        found = leases.acquire(session, name, ttl_ms, holder or holder_here(), _nonce)
        if found.is_ours:
            claim = claim_of(app, found.lease)
            return Granted(found.lease, claim, ttl_ms, asked_at)
        if not _came_free(app, name, until):
            raise _held(found.lease)


def renew(app: App, name: str, token: int, nonce: str | None, ttl_ms: int) -> Lease:
    """Count the lease from now again; Fenced when it was lost."""
    _check(name, ttl_ms)
    session = app.existing_store().session
    found = leases.renew(session, name, token, nonce, ttl_ms)
    if found is None:
        raise _lost(name, token, leases.find(session, name))
    return found


def release(app: App, name: str, token: int, nonce: str | None) -> None:
    """Give the name back; again is no harm. Fenced when another has held it since."""
    session = app.existing_store().session
    if not leases.release(session, name, token, nonce):
        raise _lost(name, token, leases.find(session, name))


def show(app: App, name: str) -> Lease:
    """How a name stands."""
    found = leases.find(app.existing_store().session, name)
    if found is None:
        raise UsageError(f"{name}: no lease of this name was ever taken", "check the spelling")
    return found


def claim_of(app: App, lease: Lease) -> Claim:
    """The right to write that a lease gives."""
    store = store_id(app.store.session)
    return Claim(store, f"lease:{lease.name}", lease.token, lease.nonce)


def holder_here() -> str:
    """Who this is, for people: user, machine, process."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):
        user = str(os.getuid())
    return f"{user}@{socket.gethostname()} pid {os.getpid()}"


class Lost:
    """Set before anybody else can hold the lease. Told by the clock, not by a thread, so that it is
    also true at once for a process that was stopped or slept."""

    def __init__(self, clock: Clock, until: int) -> None:
        self._clock, self._until = clock, until
        self._told = threading.Event()

    def is_set(self) -> bool:
        if not self._told.is_set() and not may_act(self._clock.boot_ms(), self._until):
            self._told.set()
        return self._told.is_set()

    def wait(self, timeout: float | None = None) -> bool:
        """Until it is lost, at most ``timeout`` seconds; whether it is."""
        end = None if timeout is None else time.monotonic() + timeout
        while not self.is_set():
            left = max(0.0, (self._until - self._clock.boot_ms()) / 1000)
            rest = left if end is None else min(left, end - time.monotonic())
            if rest <= 0 and end is not None and time.monotonic() >= end:
                return self.is_set()
            self._told.wait(max(rest, 0.001))
        return True

    def set(self) -> None:
        self._told.set()

    def trust(self, until: int) -> None:
        """The lease was renewed in time. What was once lost stays lost."""
        if not self.is_set():
            self._until = until

    @property
    def until(self) -> int:
        """When trust ends, on this machine's clock that counts sleep."""
        return self._until

    def left_ms(self) -> int:
        return 0 if self.is_set() else max(0, self._until - self._clock.boot_ms())


class Keeper:
    """Renews one lease from a thread of its own, as long as ``is_wanted`` says so."""

    def __init__(
        self,
        opened: Callable[[], AbstractContextManager[App]],
        granted: Granted,
        clock: Clock,
        is_wanted: Callable[[], bool] = lambda: True,
    ) -> None:
        self._opened, self._granted, self._clock = opened, granted, clock
        self._is_wanted = is_wanted
        self._over = threading.Event()
        self.lost = Lost(clock, granted.trusted_until)
        self._thread = threading.Thread(target=self._keep, name="lease", daemon=True)

    def left_of_lease_ms(self) -> int:
        """How long nobody else can hold it for certain: the margin counted in."""
        over_at = self.lost.until + margin_ms(self._granted.ttl_ms)
        return max(0, over_at - self._clock.boot_ms())

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._over.set()
        if self._thread.is_alive():
            self._thread.join(timeout=1)

    def _keep(self) -> None:
        """What goes wrong here ends the trust by itself: nothing renews it any more."""
        ttl_ms = self._granted.ttl_ms
        due_at = renew_at(self._granted.asked_at, ttl_ms)
        with contextlib.suppress(BydawnError), self._opened() as app:
            while not self._over.wait(max(0, due_at - self._clock.boot_ms()) / 1000):
                asked_at = self._clock.boot_ms()
                if self.lost.is_set():
                    return
                if self._is_wanted() and self._renewed(app, asked_at):
                    due_at = renew_at(asked_at, ttl_ms)
                else:
                    due_at = asked_at + max(1, ttl_ms // _TRY_AGAIN_SHARE)

    def _renewed(self, app: App, asked_at: int) -> bool:
        lease, ttl_ms = self._granted.lease, self._granted.ttl_ms
        try:
            found = leases.renew(app.store.session, lease.name, lease.token, lease.nonce, ttl_ms)
        except StoreUnavailable:
            return False
        if found is None:
            self.lost.set()
            return False
        self.lost.trust(trusted_until(asked_at, ttl_ms))
        return True


def _came_free(app: App, name: str, until: int) -> bool:
    """Wait, without writing anything, until nobody holds the name; False when the time is up."""
    session = app.store.session
    while app.clock.boot_ms() < until:
        time.sleep(_LOOK_AGAIN_S)
        found = leases.find(session, name)
        if found is None or not found.is_held:
            return True
    return False


def _check(name: str, ttl_ms: int) -> None:
    if not _NAME.fullmatch(name):
        raise UsageError(
            f"{name!r}: is no name for a lease", "use up to 128 letters, digits and . _ / @ -"
        )
    if ttl_ms < SHORTEST_MS:
        raise UsageError(
            f"a lease of {ttl_ms} ms is lost by every pause", f"take at least {SHORTEST_MS} ms"
        )


def _held(lease: Lease) -> Refused:
    left = f"{lease.left_ms / 1000:.1f} s"
    return Refused(
        f"{lease.name}: is held by {lease.holder} (token {lease.token}) for another {left}",
        "wait for it with --wait, or look with bydawn lease show",
    )


def _lost(name: str, token: int, found: Lease | None) -> Fenced:
    if found is None:
        return Fenced(f"{name}: token {token} was never given out for it", "acquire it first")
    if found.token != token:
        return Fenced(f"{name}: was given to {found.holder} since (token {found.token})")
    if found.is_held:
        return Fenced(f"{name}: token {token} is held under another nonce")
    return Fenced(f"{name}: the lease with token {token} is over", "acquire it anew")


def _nonce() -> str:
    return secrets.token_hex(8)
