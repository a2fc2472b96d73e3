"""Is there room on the disk for a night? Asked before it starts, so that it need not fail in it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from bydawn.app.values import Face
from bydawn.core.errors import NoRoom, UsageError
from bydawn.core.sizes import SizeError, parse_size
from bydawn.core.values import value

FLOOR = "BYDAWN_MIN_FREE"
_FLOOR_BYTES = 100_000_000
# Below so many times the floor it is worth a word.
_SCARCE = 5
_LEAST_FILES = 1_000


@value
class Room:
    """What this user may still put somewhere, beside the floor that a night needs."""

    free_bytes: int
    files: int
    floor_bytes: int

    @property
    def is_too_little(self) -> bool:
        return self.free_bytes < self.floor_bytes or self.files < _LEAST_FILES

    @property
    def is_scarce(self) -> bool:
        return self.is_too_little or self.free_bytes < _SCARCE * self.floor_bytes

    @property
    def told(self) -> str:
        is_short_of_files = self.files < _LEAST_FILES and self.free_bytes >= self.floor_bytes
        return (
            f"room for {self.files} files"
            if is_short_of_files
            else f"{_shown(self.free_bytes)} free"
        )


def room_of(folder: Path, environment: Mapping[str, str]) -> Room:
    """How much room a folder has, or will have when it is made."""
    return Room(*room_at(folder), floor_of(environment))


def look_for_room(folder: Path, environment: Mapping[str, str], face: Face) -> None:
    """Refuse to start where the disk is nearly full, and say so where it is getting there."""
    room = room_of(folder, environment)
    if room.is_too_little:
        floor = _shown(room.floor_bytes)
        raise NoRoom(
            f"{folder}: {room.told}, too little for a night; nothing was started",
            f"make room (bydawn db prune --older-than 7d); {FLOOR} is the floor, {floor}",
        )
    if room.is_scarce:
        face.note(f"{folder}: only {room.told}; bydawn db prune makes room")


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
