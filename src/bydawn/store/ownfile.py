"""Whether a file is ours to fill or to use; what is not ours is refused and left as it is."""

from __future__ import annotations

import contextlib
import sqlite3
import stat
from pathlib import Path

from bydawn.core.errors import StoreRefused, StoreUnavailable

APPLICATION_ID = 0x62794461
_HEADER = b"SQLite format 3\x00"
_JOURNAL = bytes.fromhex("d9d505f920a163d7")


def is_to_be_filled(path: Path) -> bool:
    """Whether the file is still to be filled; refuses whatever is there and is not ours."""
    try:
        found = path.stat()
    except FileNotFoundError:
        return True
    except OSError as error:
        raise StoreUnavailable(
            f"{path}: cannot be looked at ({error.strerror})", "check the folder's permissions"
        ) from error
    if not stat.S_ISREG(found.st_mode):
        raise StoreRefused(f"{path}: is not a regular file", "name another store with --store")
    if found.st_size == 0:
        return True
    return _is_blank(path)


def _is_blank(path: Path) -> bool:
    """Whether it is a database that nobody has filled; refuses what others have."""
    try:
        with path.open("rb") as file:
            head = file.read(100)
    except OSError as error:
        raise StoreUnavailable(
            f"{path}: cannot be read ({error.strerror})", "check its permissions"
        ) from error
    if not any(head) and _was_being_made(path):
        return True
    if not head.startswith(_HEADER):
        raise StoreRefused(
            f"{path}: is not an SQLite file, or its start is damaged",
            "restore a backup, or name another store with --store",
        )
    found = int.from_bytes(head[68:72], "big")
    if found not in (APPLICATION_ID, 0) or (found == 0 and _has_tables(path)):
        raise StoreRefused(
            f"{path}: is an SQLite file of another program", "name another store with --store"
        )
    return found == 0


def _was_being_made(path: Path) -> bool:
    """The power went while its first page was on the way: the journal says that there was nothing
    before, and SQLite itself goes back to that."""
    try:
        with path.with_name(f"{path.name}-journal").open("rb") as journal:
            head = journal.read(20)
    except OSError:
        return False
    return head.startswith(_JOURNAL) and head[16:20] == bytes(4)


def _has_tables(path: Path) -> bool:
    """A creation cut short leaves an empty database without our mark; anything else is foreign."""
    with contextlib.closing(
        sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)
    ) as connection:
        try:
            return bool(connection.execute("SELECT 1 FROM sqlite_master LIMIT 1").fetchone())
        except sqlite3.DatabaseError:
            return True
