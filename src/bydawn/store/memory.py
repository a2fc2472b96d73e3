"""A store in this process's memory, for simulations: one database, and a session of it for each
process that is played.

Engine, schema and statements are those of a file. What only a file has is not there: its locks,
since in a simulation one thing happens after another, and its disk.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Callable
from pathlib import Path

from bydawn.core.clock import Clock
from bydawn.store.connect import T
from bydawn.store.sqlite import SqliteSession, configure

_NAME = Path(":memory:")


class Memory:
    """One database, empty or a copy of ``image``. ``commits`` counts what was kept."""

    def __init__(self, image: Memory | None = None) -> None:
        self.connection = sqlite3.connect(_NAME, isolation_level=None, cached_statements=512)
        configure(self.connection, is_new=True)
        self.commits = 0
        if image is not None:
            self.be(image)

    def be(self, image: Memory) -> None:
        """Hold what ``image`` holds: a copy, or a backup that is put back."""
        image.connection.backup(self.connection)
        self.commits += 1

    def session(self, clock: Clock, judge: Clock | None = None) -> SqliteSession:
        """The database as one more process sees it. Leases are judged by its own clock, or by
        ``judge``, as by that of a server."""
        return _MemorySession(self, clock, judge or clock)

    def close(self) -> None:
        self.connection.close()


class _MemorySession(SqliteSession):
    """Others' commits are counted, where a file is asked for the version of its pages."""

    def __init__(self, memory: Memory, clock: Clock, judge: Clock) -> None:
        self._memory, self._judge, self._changes = memory, judge, 0
        super().__init__(memory.connection, _NAME, clock)

    def transact(self, act: Callable[[], T]) -> T:
        self._changes = self._memory.connection.total_changes
        return super().transact(act)

    def lease_now(self) -> int:
        return self._judge.boot_ms()

    def lease_boot(self) -> str:
        return self._judge.boot_id()

    def size_bytes(self) -> int:
        pages, size = self.row("PRAGMA page_count"), self.row("PRAGMA page_size")
        return int(pages[0]) * int(size[0]) if pages and size else 0

    def copy_to(self, target: Path) -> None:
        with contextlib.closing(sqlite3.connect(target)) as copy:
            self._memory.connection.backup(copy)

    def close(self) -> None:
        """The database is not this process's alone: whoever made it closes it."""

    def _keep(self) -> None:
        super()._keep()
        if self._memory.connection.total_changes != self._changes:
            self._memory.commits += 1
            self._seen_version += 1

    def _version(self) -> int:
        return self._memory.commits


class UsersTable:
    """A database of a user's own, for simulations, and a table in it to which effects come."""

    ADD = "INSERT INTO came (effect, target) VALUES (?, ?)"

    def __init__(self) -> None:
        self.connection = sqlite3.connect(_NAME, isolation_level=None)
        self.connection.execute("CREATE TABLE came (effect TEXT NOT NULL, target TEXT NOT NULL)")

    def count(self) -> int:
        """How much came."""
        return int(self.connection.execute("SELECT count(*) FROM came").fetchone()[0])

    def close(self) -> None:
        self.connection.close()
