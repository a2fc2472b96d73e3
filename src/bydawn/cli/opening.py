"""From settings to an open app, and from an app to what documents are read with."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from bydawn.cli.settings import Settings

if TYPE_CHECKING:
    from bydawn.app import App, Ran
    from bydawn.watch.documents import Ending, Reading

_LEFT_TO_OTHERS = ("detached", "skipped")
# What a bug raises, and a store that is no longer what was written there.
_IMPOSSIBLE = (ArithmeticError, AssertionError, AttributeError, LookupError, TypeError, ValueError)


@contextlib.contextmanager
def opened(settings: Settings, plan: Path | None = None) -> Iterator[App]:
    """The app of the place the command speaks of."""
    from bydawn.app import Invocation, open_app

    app = open_app(Invocation(settings.directory, settings.store, dict(os.environ)), plan)
    try:
        yield app
    except _IMPOSSIBLE:
        app.place.refuse_damaged()
        raise
    finally:
        app.close()


def reading_of(app: App, before: frozenset[int] = frozenset()) -> Reading:
    """What documents need to know beside the rows."""
    from bydawn.app.readings import reading_of as read

    return read(app, before)


def ending_of(ran: Ran) -> Ending | None:
    """What a command that drove a batch adds to its document; None where others go on with it."""
    from bydawn.watch.documents import Ending

    if ran.outcome in _LEFT_TO_OTHERS:
        return None
    return Ending(ran.exit_code, ran.outcome, ran.reasons, ran.already_done)


def is_job(address: str) -> bool:
    """Whether an address names jobs rather than a batch."""
    return "/" in address or address.startswith("j_")
