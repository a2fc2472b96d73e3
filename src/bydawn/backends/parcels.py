"""A plan's folder as one archive, the same bytes for the same content."""

from __future__ import annotations

import hashlib
import io
import os
import zipfile
from collections.abc import Iterator

from bydawn.core.values import value

MOST_BYTES = 100_000_000
_LEFT_OUT = frozenset(
    {".bydawn", ".git", ".hg", ".venv", "venv", "node_modules", "__pycache__", ".mypy_cache"}
)
_LONG_AGO = (1980, 1, 1, 0, 0, 0)


class TooLarge(Exception):
    """The folder holds more than is sent anywhere."""


@value
class Parcel:
    """The archive, and a name that only this content has."""

    name: str
    content: bytes


def parcel_of(folder: str) -> Parcel:
    """Everything in the folder but what is ours, version control's or made by tools."""
    packed, total = io.BytesIO(), 0
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for below, path in _files(folder):
            total += os.path.getsize(path)
            if total > MOST_BYTES:
                raise TooLarge(f"{folder} holds more than {MOST_BYTES // 1_000_000} MB")
            entry = zipfile.ZipInfo(below, _LONG_AGO)
            entry.external_attr = (os.stat(path).st_mode & 0o777) << 16
            entry.compress_type = zipfile.ZIP_DEFLATED
            with open(path, "rb") as stream:
                archive.writestr(entry, stream.read())
    content = packed.getvalue()
    return Parcel(hashlib.sha256(content).hexdigest()[:32], content)


def _files(folder: str) -> Iterator[tuple[str, str]]:
    for place, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if name not in _LEFT_OUT)
        for name in sorted(names):
            path = os.path.join(place, name)
            if os.path.isfile(path) and not os.path.islink(path):
                yield os.path.relpath(path, folder), path
