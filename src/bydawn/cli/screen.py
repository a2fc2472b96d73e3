"""A few lines at the bottom of a terminal that are drawn over and over."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Sequence

_WIDEST = 160


class Screen:
    """Owns the last lines of stderr until it is cleared."""

    def __init__(self) -> None:
        self._drawn = 0
        self._columns = 0

    def size(self) -> tuple[int, int]:
        """Columns and rows there is room for; the last of each stays free."""
        found = shutil.get_terminal_size((80, 24))
        return max(20, min(_WIDEST, found.columns - 1)), max(4, found.lines - 1)

    def draw(self, lines: Sequence[str]) -> None:
        """Replace what was drawn last, in one write."""
        body = "".join(f"{line}\x1b[K\n" for line in lines)
        self._write(f"{self._back()}{body}\x1b[J")
        self._drawn = len(lines)
        self._columns, _ = self.size()

    def clear(self) -> None:
        """Take away what was drawn."""
        if self._drawn:
            self._write(f"{self._back()}\x1b[J")
            self._drawn = 0

    def above(self, text: str) -> None:
        """Let a line go up into the scrollback; the next drawing comes below it."""
        self.clear()
        self._write(f"{text}\n")

    def _back(self) -> str:
        """To the first drawn line. A terminal made narrower has wrapped what it showed."""
        if not self._drawn:
            return ""
        columns, _ = self.size()
        rows = self._drawn if columns >= self._columns else self._drawn * 2
        return f"\x1b[{rows}F"

    def _write(self, text: str) -> None:
        try:
            sys.stderr.write(text)
            sys.stderr.flush()
        except OSError:
            self._drawn = 0
