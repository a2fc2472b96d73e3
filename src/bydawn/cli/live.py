"""The live screen: what a batch looks like now, and keys to look closer or to step in."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bydawn.cli.following import QuietFace
from bydawn.cli.keyboard import Keyboard
from bydawn.cli.screen import Screen
from bydawn.cli.talk import Talk
from bydawn.core.values import value
from bydawn.watch.follow import Following
from bydawn.watch.painting import Frame, Room, board_lines, keys_lines, log_lines, marked_state
from bydawn.watch.sanitise import inert

if TYPE_CHECKING:
    from bydawn.watch.rows import Batch, Store

_DRAW_MS = 500
_OVER = ("succeeded", "failed", "cancelled")
BOARD, KEYS, LOG, ASK = "board", "keys", "log", "ask"


@value
class Hands:
    """What the keys can do: cancel a job, pause a batch or go on with it, leave; and what a job
    printed last. ``leaving`` says what leaving means here."""

    cancel: Callable[[int], object]
    pause: Callable[[int, bool], object]
    leave: Callable[[], object]
    printed: Callable[[int], list[str]]
    leaving: str = "q leaves"


@dataclass(slots=True)
class View:
    """What the person is looking at; ``chosen`` is a job's number."""

    mode: str = BOARD
    chosen: int | None = None


class LiveFace(QuietFace):
    """A screen on stderr, drawn at most twice a second, and at once after a key."""

    def __init__(self, talk: Talk, hint: str, hands: Hands | None = None) -> None:
        super().__init__(talk)
        self.view = View()
        self._screen = Screen()
        self._hint = hint
        self._hands = hands
        self._keyboard: Keyboard | None = None
        self._frame: Frame | None = None

    @property
    def pace_ms(self) -> int:
        return _DRAW_MS

    def opened(self, store: Store, batch: Batch, already_done: int) -> None:
        del already_done
        self.following = Following(store, batch)

    def hear(self, wake: Callable[[], None]) -> None:
        """Listen to keys, where somebody can type them."""
        if self._hands is None or self._keyboard is not None:
            return
        self._keyboard = Keyboard(wake)
        if self._keyboard.open():
            self._hint = f"{self._hands.leaving}   ? keys"

    def turned(self) -> None:
        if self._keyboard is not None:
            for key in self._keyboard.pressed():
                self.press(key)
                self.look_now()
        super().turned()

    def look(self, following: Following) -> None:
        following.news()
        columns, rows = self._screen.size()
        self._frame = following.frame(self._now(), rows)
        self._keep_chosen(self._frame)
        lines = self._lines(self._frame, Room(columns, rows))
        self._screen.draw([self._painted(line) for line in lines])

    def note(self, text: str) -> None:
        self._screen.above(f"bydawn: {inert(text)}")

    def close(self) -> None:
        if self._keyboard is not None:
            self._keyboard.close()
        self._screen.clear()

    def press(self, key: str) -> None:
        """One key, in the view it was pressed in."""
        if self._hands is None or self._frame is None:
            return
        if self.view.mode == ASK:
            self._answer(key, self._hands)
        elif self.view.mode in (KEYS, LOG):
            self.view.mode = BOARD
        elif key in ("up", "down"):
            self._move(1 if key == "down" else -1)
        else:
            self._command(key, self._hands)

    def _command(self, key: str, hands: Hands) -> None:
        if key == "q":
            hands.leave()
        elif key == "?":
            self.view.mode = KEYS
        elif key == "p" and self._frame is not None and self.following is not None:
            hands.pause(self.following.batch.number, not self._frame.is_paused)
        elif key == "l":
            self._move(0)
            self.view.mode = BOARD if self.view.chosen is None else LOG
        elif key == "c":
            self._ask()

    def _ask(self) -> None:
        """About the chosen job, or the first there is to cancel; never about one that is over."""
        rows = self._frame.rows if self._frame else ()
        alive = [row.number for row in rows if row.state not in _OVER]
        if self.view.chosen is None:
            self.view.chosen = next(iter(alive), None)
        if self.view.chosen in alive:
            self.view.mode = ASK

    def _answer(self, key: str, hands: Hands) -> None:
        if key == "y" and self.view.chosen is not None:
            hands.cancel(self.view.chosen)
        self.view.mode = BOARD

    def _move(self, by: int) -> None:
        """Choose the row so far away; the first where none was chosen."""
        numbers = [row.number for row in self._frame.rows] if self._frame else []
        if not numbers:
            return
        if self.view.chosen not in numbers:
            self.view.chosen = numbers[0]
            return
        at = numbers.index(self.view.chosen) + by
        self.view.chosen = numbers[max(0, min(len(numbers) - 1, at))]

    def _keep_chosen(self, frame: Frame) -> None:
        """A chosen job that is no longer shown is no longer chosen, unless it is looked at."""
        is_shown = any(row.number == self.view.chosen for row in frame.rows)
        if not is_shown and self.view.mode == BOARD:
            self.view.chosen = None

    def _lines(self, frame: Frame, room: Room) -> list[str]:
        chosen = self.view.chosen
        if self.view.mode == KEYS:
            return keys_lines(frame, room, None)
        if self.view.mode == LOG and self._hands is not None and chosen is not None:
            return log_lines(self._name(frame), self._hands.printed(chosen), room)
        hint = self._hint
        if self.view.mode == ASK:
            hint = f"cancel {inert(self._name(frame))}? y cancels it, any other key does not"
        return board_lines(frame, room, None, chosen, hint)

    def _name(self, frame: Frame) -> str:
        names = (row.name for row in frame.rows if row.number == self.view.chosen)
        return next(names, "the job")

    def _painted(self, line: str) -> str:
        state = marked_state(line)
        colour = {"queued": "dim", "cancelled": "dim"}.get(state or "", state or "")
        return self.talk.painted(line, colour, sys.stderr) if colour else line
