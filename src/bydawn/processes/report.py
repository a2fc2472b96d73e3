"""What a run tells about itself: JSON lines in the file named by BYDAWN_REPORT.

Every field is a running total or a latest word: for each of them the newest valid line wins, usage
per kind of token. Whatever is not understood (half lines, other types, negative or endless numbers,
other encodings, lines beyond a megabyte) is passed over; a run is never failed for its report.
"""

from __future__ import annotations

import json
import threading
import zlib
from collections.abc import Callable
from typing import Any

from bydawn.core.believing import is_count, is_number, micros_of
from bydawn.core.sightings import Usage
from bydawn.processes.lines import Lines

_LINE_CAP = 1_000_000


class Report:
    """The newest word of one run; ``refresh`` reads only what was added since."""

    def __init__(self) -> None:
        self.tokens: dict[str, int] = {}
        self.cost_micros: int | None = None
        self.progress: float | None = None
        self.result: str | None = None
        self.needs_input: str | None = None
        self._lines = Lines(self._take, _LINE_CAP)
        self._guard = threading.Lock()

    @property
    def usage(self) -> Usage:
        return Usage(dict(self.tokens), self.cost_micros)

    @property
    def steps(self) -> str:
        """Changes with every step the run itself tells of; empty until it has told of one."""
        if self.progress is None:
            return ""
        return f"{self.progress}/{zlib.crc32((self.result or '').encode())}"

    @property
    def spending(self) -> str:
        """Changes with every step of its meter."""
        return f"{sum(self.tokens.values())}/{self.cost_micros}"

    def refresh(self, path: str) -> int:
        """Read what is new and say how many bytes the run has reported so far."""
        with self._guard:
            return self._lines.read_on(path)

    def take(self, text: str) -> None:
        """Take in a whole report at once."""
        with self._guard:
            self._lines.hear(text.encode())
        self.finish()

    def finish(self) -> None:
        """Take the last line even when its end is missing: nobody will write it any more."""
        with self._guard:
            self._lines.finish()

    def _take(self, said: dict[str, Any]) -> None:
        for name in said.keys() & _FIELDS.keys():
            _FIELDS[name](self, said[name])

    def _take_progress(self, value: Any) -> None:
        if is_number(value) and 0 <= value <= 1:
            self.progress = float(value)

    def _take_usage(self, value: Any) -> None:
        if isinstance(value, dict):
            good = {str(k)[:64]: int(v) for k, v in value.items() if is_count(v)}
            self.tokens = dict(list({**self.tokens, **good}.items())[:64])

    def _take_cost(self, value: Any) -> None:
        cost = micros_of(value)
        if cost is not None:
            self.cost_micros = cost

    def _take_result(self, value: Any) -> None:
        try:
            self.result = json.dumps(value, ensure_ascii=False, allow_nan=False)
        except (ValueError, RecursionError):
            return

    def _take_needs_input(self, value: Any) -> None:
        if value is None or isinstance(value, str):
            self.needs_input = value[:2000] if value else None


_FIELDS: dict[str, Callable[[Report, Any], None]] = {
    "progress": Report._take_progress,
    "usage": Report._take_usage,
    "cost_usd": Report._take_cost,
    "result": Report._take_result,
    "needs_input": Report._take_needs_input,
}
