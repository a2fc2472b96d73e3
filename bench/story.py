"""What the store tells of a run, read from beside it."""

from __future__ import annotations

import contextlib
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from programs import Failed

_PATIENCE_S = 120
_LOOK_S = 0.02


class Story:
    """Reads a store that may be in use; never writes."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / ".bydawn" / "store.db"

    def number(self, sql: str, *parameters: Any) -> float:
        """The one number an SQL question answers; 0 while there is no store yet."""
        with contextlib.closing(sqlite3.connect(f"file:{self._path}?mode=ro", uri=True)) as link:
            link.execute("PRAGMA busy_timeout=5000")
            row = link.execute(sql, parameters).fetchone()
        return float(row[0] or 0)

    def count(self, *states: str) -> int:
        marks = ",".join("?" * len(states))
        return int(self.number(f"SELECT count(*) FROM job WHERE state IN ({marks})", *states))

    def last_event(self) -> int:
        return int(self.number("SELECT max(seq) FROM event"))

    def first_launch_after(self, seq: int) -> float:
        """When the first job was launched after that event, in seconds since the epoch."""
        sql = "SELECT min(at) FROM event WHERE seq > ? AND kind IN ('intended', 'launched')"
        return self.number(sql, seq) / 1000

    def makespan_s(self) -> float:
        """From the first intention to the last success."""
        first = self.number("SELECT min(at) FROM event WHERE kind = 'intended'")
        last = self.number("SELECT max(at) FROM event WHERE to_state = 'succeeded'")
        return (last - first) / 1000

    def until(self, what: Callable[[Story], bool], why: str) -> None:
        """Look again and again until it is so."""
        give_up = time.monotonic() + _PATIENCE_S
        while time.monotonic() < give_up:
            with contextlib.suppress(sqlite3.OperationalError):
                if what(self):
                    return
            time.sleep(_LOOK_S)
        raise Failed(f"never came: {why}")
