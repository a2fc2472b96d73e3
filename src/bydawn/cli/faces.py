"""What a running command shows: nothing, a line or a JSON object for each change, or a screen."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

from bydawn.cli.following import QuietFace
from bydawn.cli.live import Hands, LiveFace
from bydawn.cli.talk import Talk
from bydawn.watch import wording
from bydawn.watch.amounts import time_of_day
from bydawn.watch.follow import Following
from bydawn.watch.journal import event_document
from bydawn.watch.progress import summary_line
from bydawn.watch.sanitise import json_text

if TYPE_CHECKING:
    from bydawn.watch.rows import Batch, Store

FORMS = ("auto", "live", "plain", "json", "none")
# Larger batches are told by their troubles and one summary a minute.
_TOLD_ONE_BY_ONE = 200
_SUMMARY_MS = 60_000
_HINT = "Ctrl-C leaves; the same command goes on"


class PlainFace(QuietFace):
    """One line for each change; a summary once a minute while nothing happens."""

    _spoke_at = 0

    def opened(self, store: Store, batch: Batch, already_done: int) -> None:
        self.following = Following(store, batch)
        counts = self.following.board.counts
        line = wording.opened(
            batch.address, counts, already_done, batch.terms, batch.deadline_at, None
        )
        self._line(self._now(), line)

    def look(self, following: Following) -> None:
        is_large = following.board.total > _TOLD_ONE_BY_ONE
        for event in following.troubles() if is_large else following.news():
            if is_large and not wording.needs_eyes(event):
                continue
            line = wording.event_line(event, following.facts(event))
            if line:
                self._line(event.at, line)
        if self._now() - self._spoke_at >= _SUMMARY_MS:
            following.recount()
            self._line(self._now(), summary_line(following.board.counts))

    def _line(self, at: int, line: str) -> None:
        self._spoke_at = self._now()
        self.talk.tell(f"{time_of_day(at, None)} {line}")


class JsonFace(QuietFace):
    """Every event as an object on stderr."""

    def opened(self, store: Store, batch: Batch, already_done: int) -> None:
        del already_done
        self.following = Following(store, batch)

    def look(self, following: Following) -> None:
        for event in following.news():
            self.talk.tell(json_text(event_document(event)))


class Face(Protocol):
    """What a command shows itself with."""

    def opened(self, store: Store, batch: Batch, already_done: int) -> None: ...

    def hear(self, wake: Callable[[], None]) -> None: ...

    def turned(self) -> None: ...

    def note(self, text: str) -> None: ...

    def close(self) -> None: ...


def face_for(talk: Talk, form: str, hint: str = _HINT, hands: Hands | None = None) -> Face:
    """The face that was asked for; auto is a screen on a terminal and lines elsewhere. With
    ``hands`` the screen listens to keys."""
    if form == "auto":
        form = _automatic(talk)
    if form == "live":
        return LiveFace(talk, hint, hands)
    made: dict[str, type[QuietFace]] = {"plain": PlainFace, "json": JsonFace, "none": QuietFace}
    return made[form](talk)


def _automatic(talk: Talk) -> str:
    if talk.settings.quiet:
        return "none"
    is_screen = sys.stderr.isatty() and os.environ.get("TERM", "dumb") != "dumb"
    return "live" if is_screen and not os.environ.get("CI") else "plain"
