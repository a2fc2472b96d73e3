"""What of a store's surroundings could lose what was acknowledged; for ``doctor``."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from bydawn.store.connect import Session
from bydawn.store.disks import filesystem_of

_IN_MEMORY = ("tmpfs", "ramfs")
_SERVER = """
SELECT name, setting FROM pg_settings
WHERE name IN ('fsync', 'full_page_writes') AND setting = 'off'"""
_SERVER_LOSES = {
    "fsync": "a crash of the server's machine can lose or damage everything",
    "full_page_writes": "a crash of the server's machine can damage pages half written",
}
_CHECKED_BYTES = 200_000_000


def server_weaknesses(session: Session) -> list[str]:
    """The settings of a PostgreSQL server that make its acknowledgements worth less."""
    return [f"{name} is off: {_SERVER_LOSES[name]}" for name, _ in session.rows(_SERVER)]


def file_weaknesses(session: Session, path: Path) -> list[str]:
    """What is wrong with a store's file, or with the disk under it."""
    return list(_of_file(session, path))


def _of_file(session: Session, path: Path) -> Iterator[str]:
    kind = filesystem_of(path.parent)
    if kind in _IN_MEMORY:
        yield f"it lies in memory ({kind}): a restart of the machine loses it"
    if session.size_bytes() <= _CHECKED_BYTES:
        found = session.rows("PRAGMA quick_check(1)")
        if found and found[0][0] != "ok":
            yield f"it is damaged: {found[0][0]}; restore a backup"
