"""What code does to files, act by act, as the interpreter itself tells it; and a death before any.

Nothing that is done from Python goes past: ``open``, ``os`` and ``pathlib`` all tell of it. Only
what is written to a descriptor that is open already is not told.
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
# Which argument names what changes.
_PLACES = {
    "os.rename": 1, "os.link": 1, "os.symlink": 1, "os.remove": 0, "os.truncate": 0,
    "os.mkdir": 0, "os.rmdir": 0, "os.chmod": 0,
}  # fmt: skip


class Act(NamedTuple):
    """One thing that is about to be done to a file."""

    verb: str
    path: str

    @property
    def name(self) -> str:
        """The act and the file, without what differs from run to run."""
        return f"{self.verb} {os.path.basename(self.path)}"


Heed = Callable[[Act], None]
_heeding: list[Heed] = []


@contextlib.contextmanager
def heeding(heed: Heed) -> Iterator[None]:
    """Tell of every act in the body before it is done; what ``heed`` raises, it dies of."""
    _heeding.append(heed)
    try:
        yield
    finally:
        _heeding.remove(heed)


def _told(event: str, given: tuple[Any, ...]) -> None:
    if not _heeding:
        return
    if event == "open" and isinstance(given[0], str | bytes) and given[2] & _WRITING:
        _tell(Act("open", os.fsdecode(given[0])))
    elif event in _PLACES and not isinstance(given[_PLACES[event]], int):
        _tell(Act(event.removeprefix("os."), os.fsdecode(given[_PLACES[event]])))


def _tell(act: Act) -> None:
    for heed in tuple(_heeding):
        heed(act)


sys.addaudithook(_told)
