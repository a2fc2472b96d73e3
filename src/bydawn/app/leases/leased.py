"""``bydawn lease run``: a command that lives no longer than the lease it was started under."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from collections.abc import Sequence
from types import FrameType
from typing import TYPE_CHECKING

from bydawn.app.leases.leasing import Granted, Keeper, acquire, release
from bydawn.app.runs.signals import hearing
from bydawn.core.clock import Clock
from bydawn.core.errors import BydawnError, Fenced, UsageError
from bydawn.core.leases import margin_ms

if TYPE_CHECKING:
    from bydawn.app import App
    from bydawn.processes.foreground import Foreground

_TURN_S = 0.1
_GRACE_MS = 10_000


class Pulse:
    """Whether the loop that watches the command still turns: only then is the lease renewed."""

    def __init__(self, clock: Clock, patience_ms: int) -> None:
        self._clock, self._patience_ms = clock, patience_ms
        self._at = clock.boot_ms()

    def beat(self) -> None:
        self._at = self._clock.boot_ms()

    def is_beating(self) -> bool:
        return self._clock.boot_ms() - self._at < self._patience_ms


class Asked:
    """The signals that asked for an end; one that comes again is in a hurry."""

    def __init__(self) -> None:
        self.signals: list[int] = []
        self.command: Foreground | None = None

    def hear(self, number: int, _: FrameType | None) -> None:
        if self.signals and self.command:
            self.command.hurry()
        self.signals.append(number)


def run_leased(app: App, name: str, ttl_ms: int, wait_ms: int, argv: Sequence[str]) -> int:
    """Run a command under a lease; its exit code, or Fenced when the lease was lost. When this
    returns, or raises, nothing of the command is left."""
    granted = acquire(app, name, ttl_ms, wait_ms)
    asked = Asked()
    # From before the command is there until nothing of it is, no signal ends this process itself.
    with hearing(asked.hear):
        try:
            code = _run(app, granted, argv, asked)
        except Fenced:
            # Nothing to give back; a store that cannot be reached would only keep us waiting.
            raise
        except BaseException:
            with contextlib.suppress(BydawnError):
                release(app, name, granted.lease.token, granted.lease.nonce)
            raise
        release(app, name, granted.lease.token, granted.lease.nonce)
    return code


def _run(app: App, granted: Granted, argv: Sequence[str], asked: Asked) -> int:
    from bydawn.app import open_app
    from bydawn.processes.foreground import Foreground

    try:
        command = Foreground(argv, _environment(app, granted))
    except OSError as error:
        raise UsageError(f"{argv[0]}: {error.strerror}", "name a program that runs") from error
    pulse = Pulse(app.clock, granted.ttl_ms // 3)
    keeper = Keeper(
        lambda: contextlib.closing(open_app(app.invocation)), granted, app.clock, pulse.is_beating
    )
    asked.command = command
    keeper.start()
    try:
        return _watched(command, keeper, pulse, granted, asked.signals)
    finally:
        command.end(0)
        keeper.stop()


def _watched(
    command: Foreground, keeper: Keeper, pulse: Pulse, granted: Granted, heard: list[int]
) -> int:
    while command.code is None:
        command.wait(min(_TURN_S, keeper.lost.left_ms() / 1000))
        pulse.beat()
        if keeper.lost.is_set() and not command.is_gone:
            command.end(_grace_when_lost(keeper, granted))
            raise _was_lost(granted)
        if heard and not _told_by_terminal(heard):
            command.end(_grace(keeper))
    # What it left running in the background has no right to outlive the lease either.
    command.end(_grace(keeper))
    if keeper.lost.is_set():
        raise _was_lost(granted)
    return 128 + heard[0] if heard else command.code


def _grace(keeper: Keeper) -> float:
    """While it ends the lease is not renewed, so it must have ended before that is over."""
    return min(_GRACE_MS, keeper.lost.left_ms()) / 1000


def _grace_when_lost(keeper: Keeper, granted: Granted) -> float:
    """Half of what is left until somebody else may start; nothing where that has passed."""
    return min(margin_ms(granted.ttl_ms), keeper.left_of_lease_ms()) / 2000


def _was_lost(granted: Granted) -> Fenced:
    lease = granted.lease
    return Fenced(
        f"{lease.name}: the lease with token {lease.token} was lost; the command was ended",
        "run it again; what it wrote through gates is whole",
    )


def _environment(app: App, granted: Granted) -> dict[str, str]:
    lease = granted.lease
    names = {
        "BYDAWN_LEASE": lease.name,
        "BYDAWN_TOKEN": str(lease.token),
        "BYDAWN_NONCE": lease.nonce,
        "BYDAWN_STORE_ID": granted.claim.store,
    }
    if app.store_url.startswith("sqlite:"):
        # So that the command finds this store from any folder; other addresses may hold a password.
        names["BYDAWN_STORE"] = app.store_url
    return {**app.invocation.environment, **names}


def _told_by_terminal(heard: list[int]) -> bool:
    """Ctrl-C reaches every process of the terminal by itself; the second one ends what stays."""
    return heard == [signal.SIGINT] and sys.stdin is not None and os.isatty(0)
