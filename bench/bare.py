"""What the machine allows: bare loops without anything of ours but the store's pragmas."""

from __future__ import annotations

import contextlib
import os
import shutil
import time
from pathlib import Path

from bydawn.runner.clock import SystemClock
from bydawn.store.sqlite import SqliteSession, open_sqlite

_TABLE = """CREATE TABLE job (
    number INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE, state INTEGER NOT NULL,
    token INTEGER, handle TEXT, result TEXT)"""
_INDEX = "CREATE INDEX job_queued ON job (number) WHERE state = 0"
_INSERT = "INSERT INTO job (number, key, state) VALUES (?, ?, 0)"
_CLAIM = "UPDATE job SET state = 1, token = ? WHERE number = ? AND state = 0"
_RUNNING = "UPDATE job SET state = 2, handle = ? WHERE number = ? AND state = 1"
_DONE = "UPDATE job SET state = 3, result = ? WHERE number = ? AND state = 2"
_FLIGHT = 64


def job_lives_per_s(folder: Path, count: int, group: int) -> float:
    """Insert, claim, running, done in SQLite, one commit for each step of a group."""
    with contextlib.closing(open_sqlite(folder / "bare.db", SystemClock())) as session:
        session.change(_TABLE)
        session.change(_INDEX)
        began = time.perf_counter()
        for start in range(0, count, group):
            _live(session, range(start, min(count, start + group)))
        return count / (time.perf_counter() - began)


def _live(session: SqliteSession, numbers: range) -> None:
    _written(session, _INSERT, [(n, f"{n:064x}") for n in numbers])
    for sql, value in ((_CLAIM, 1), (_RUNNING, "handle"), (_DONE, "null")):
        _written(session, sql, [(value, n) for n in numbers])


def _written(session: SqliteSession, sql: str, rows: list[tuple[int | str, int | str]]) -> None:
    session.transact(lambda: session.change_many(sql, rows))


def starts_per_s(count: int) -> float:
    """posix_spawn of ``true``, with many in flight."""
    program = shutil.which("true") or "/bin/true"
    began = time.perf_counter()
    flying = 0
    for _ in range(count):
        os.posix_spawn(program, ["true"], os.environ)
        flying += 1
        if flying >= _FLIGHT:
            os.wait()
            flying -= 1
    for _ in range(flying):
        os.wait()
    return count / (time.perf_counter() - began)
