"""What the keys of a live screen do: the same guarded commands a person would type."""

from __future__ import annotations

import signal
from collections.abc import Callable
from typing import TYPE_CHECKING

from bydawn.cli.live import Hands

if TYPE_CHECKING:
    from bydawn.app import App

_TAIL = 200


def hands_of_run(app: App) -> Hands:
    """For a command that is itself at work: to leave is what Ctrl-C does."""
    return _hands(app, _interrupt, "q leaves as Ctrl-C does; the same command goes on")


def hands_of_watcher(app: App, leave: Callable[[], None]) -> Hands:
    """For somebody who looks on."""
    return _hands(app, leave, "q leaves; the run goes on")


def _hands(app: App, leave: Callable[[], None], leaving: str) -> Hands:
    from bydawn.app.keeping.printed import last_lines

    return Hands(
        cancel=lambda job: app.store.cancel(job, app.nonce),
        pause=lambda batch, paused: app.store.pause(batch, paused),
        leave=leave,
        printed=lambda job: last_lines(app, job, _TAIL),
        leaving=leaving,
    )


def _interrupt() -> None:
    signal.raise_signal(signal.SIGINT)
