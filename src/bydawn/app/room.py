"""Is there room on the disk for a night? Asked before it starts, so that it need not fail in it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from bydawn.app.values import Face
from bydawn.core.errors import NoRoom, UsageError
from bydawn.core.sizes import SizeError, parse_size

FLOOR = "BYDAWN_MIN_FREE"
_FLOOR_BYTES = 100_000_000
# Below so many times the floor it is worth a word.
_SCARCE = 5
_LEAST_FILES = 1_000


def look_for_room(folder: Path, environment: Mapping[str, str], face: Face) -> None:
    """Refuse to start where the disk is nearly full, and say so where it is getting there."""
    floor = floor_of(environment)
    free, files = room_at(folder)
    if free < floor or files < _LEAST_FILES:
        what = f"{_shown(free)} free" if free < floor else f"room for {files} files"
        raise NoRoom(
            f"{folder}: {what}, too little for a night; nothing was started",
            f"make room (bydawn db prune --older-than 7d); {FLOOR} is the floor, {_shown(floor)}",
        )
    if free < _SCARCE * floor:
        face.note(f"{folder}: only {_shown(free)} free; bydawn db prune makes room")


def floor_of(environment: Mapping[str, str]) -> int:
    """The least that must be free, in bytes."""
    said = environment.get(FLOOR)
    if not said:
        return _FLOOR_BYTES
    try:
        return parse_size(said)
    except SizeError as error:
        raise UsageError(f"{FLOOR}: {error}", 'write it like "500MB" or "2GB"') from None


def room_at(folder: Path) -> tuple[int, int]:
    """Bytes and files that this user may still put where the folder is, or will be."""
    place = folder
    while not place.exists() and place != place.parent:
        place = place.parent
    found = os.statvfs(place)
    # File systems without a fixed number of files say zero of zero.
    files = found.f_favail if found.f_files else _LEAST_FILES
    return found.f_bavail * found.f_frsize, files


def _shown(size: int) -> str:
    return f"{size / 1_000_000_000:.1f} GB" if size >= 1_000_000_000 else f"{size // 1_000_000} MB"
