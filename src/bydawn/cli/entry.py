"""Where a command starts. What can be answered from here loads nothing."""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Callable, Sequence

from bydawn.cli import COMPLETING

_VERSION = (["--version"], ["-V"])
_HELP = (["--help"], ["-h"], ["help"])
_USAGE = 2
_SELDOM = (20_000, 20, 50)


def main(argv: Sequence[str]) -> int:
    """Carry out one command line without the dashboard, and answer its exit code."""
    return carry_out(argv, None)


def carry_out(argv: Sequence[str], dashboard: Callable[..., None] | None) -> int:
    """Carry out one command line and answer its exit code; ``dashboard`` is what serves one."""
    given = list(argv)
    _speak_safely()
    if not os.environ.get(COMPLETING):
        if given in _VERSION:
            return _version()
        if given in _HELP or not given:
            return _menu(bool(given))
    # A night makes many values and hardly a circle of them; looking for circles is seldom worth it.
    gc.set_threshold(*_SELDOM)
    from bydawn.cli.program import carry_out as carried_out

    code = carried_out(given, dashboard)
    gc.freeze()  # nor is it at the end, when all of it goes anyway
    return code


def _version() -> int:
    from bydawn.version import __version__

    sys.stdout.write(f"bydawn {__version__}\n")
    return 0


def _menu(is_asked: bool) -> int:
    """Help that was asked for is the answer; where a verb is missing it is talk."""
    from bydawn.cli.menu import menu

    (sys.stdout if is_asked else sys.stderr).write(menu())
    return 0 if is_asked else _USAGE


def _speak_safely() -> None:
    """A narrow locale gets escapes instead of an error."""
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure:
            reconfigure(errors="backslashreplace")
