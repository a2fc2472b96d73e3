"""What a running command shows: nothing, a line or a JSON object for each change, or a screen."""

from __future__ import annotations

import contextlib
import os
import sys
from typing import TYPE_CHECKING, Protocol

from bydawn.cli.screen import Screen
from bydawn.cli.talk import Talk
from bydawn.core.errors import StoreUnavailable
from bydawn.watch import wording
from bydawn.watch.amounts import time_of_day
from bydawn.watch.follow import Following
from bydawn.watch.journal import event_document
from bydawn.watch.progress import live_lines, marked_state, summary_line
from bydawn.watch.sanitise import inert, json_text

if TYPE_CHECKING:
    from bydawn.watch.rows import Batch, Store

FORMS = ("auto", "live", "plain", "json", "none")
# Larger batches are told by their troubles and one summary a minute.
_TOLD_ONE_BY_ONE = 200
_LOOK_MS, _DRAW_MS, _SUMMARY_MS = 250, 500, 60_000
_HINT = "Ctrl-C leaves; the same command goes on"


class QuietFace:
    """Shows nothing but notes; all others build on it."""

    def __init__(self, talk: Talk) -> None:
        self.talk = talk
        self.following: Following | None = None
        self._due_at = 0

    def opened(self, store: Store, batch: Batch, already_done: int) -> None:
        """The batch is there."""
        del store, batch, already_done

    def turned(self) -> None:
        """Look for news, at most a few times a second."""
        if self.following and self._now() >= self._due_at:
            self._due_at = self._now() + self.pace_ms
            # A store too busy to be looked at is no reason to end the run: the next look may do.
            with contextlib.suppress(StoreUnavailable):
                self.look(self.following)

    def note(self, text: str) -> None:
        self.talk.tell(f"bydawn: {inert(text)}")

    def close(self) -> None:
        """Show what is left to show, then get out of the way."""
        if self.following:
            self.look(self.following)

    @property
    def pace_ms(self) -> int:
        return _LOOK_MS

    def look(self, following: Following) -> None:
        """Show what is new."""

    def _now(self) -> int:
        return self.following.store.session.clock.utc_ms() if self.following else 0


class PlainFace(QuietFace):
    """One line for each change; a summary once a minute while nothing happens."""

    _spoke_at = 0

    def opened(self, store: Store, batch: Batch, already_done: int) -> None:
        self.following = Following(store, batch)
        total = self.following.board.total
        line = wording.opened(
            batch.address, total, already_done, batch.terms, batch.deadline_at, None
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


class LiveFace(QuietFace):
    """A screen on stderr, drawn at most twice a second."""

    def __init__(self, talk: Talk, hint: str = _HINT) -> None:
        super().__init__(talk)
        self._screen = Screen()
        self._hint = hint

    @property
    def pace_ms(self) -> int:
        return _DRAW_MS

    def opened(self, store: Store, batch: Batch, already_done: int) -> None:
        del already_done
        self.following = Following(store, batch)

    def look(self, following: Following) -> None:
        following.news()
        columns, rows = self._screen.size()
        frame = following.frame(self._now(), rows, self._hint)
        lines = live_lines(frame, columns, rows, None)
        self._screen.draw([self._painted(line) for line in lines])

    def note(self, text: str) -> None:
        self._screen.above(f"bydawn: {inert(text)}")

    def close(self) -> None:
        self._screen.clear()

    def _painted(self, line: str) -> str:
        state = marked_state(line)
        colour = {"queued": "dim", "cancelled": "dim"}.get(state or "", state or "")
        return self.talk.painted(line, colour, sys.stderr) if colour else line


class Face(Protocol):
    """What a command shows itself with."""

    def opened(self, store: Store, batch: Batch, already_done: int) -> None: ...

    def turned(self) -> None: ...

    def note(self, text: str) -> None: ...

    def close(self) -> None: ...


def face_for(talk: Talk, form: str, hint: str = _HINT) -> Face:
    """The face that was asked for; auto is a screen on a terminal and lines elsewhere."""
    if form == "auto":
        form = _automatic(talk)
    if form == "live":
        return LiveFace(talk, hint)
    made: dict[str, type[QuietFace]] = {"plain": PlainFace, "json": JsonFace, "none": QuietFace}
    return made[form](talk)


def _automatic(talk: Talk) -> str:
    if talk.settings.quiet:
        return "none"
    is_screen = sys.stderr.isatty() and os.environ.get("TERM", "dumb") != "dumb"
    return "live" if is_screen and not os.environ.get("CI") else "plain"
