"""Reading a draft: only what lies inside it, never through a link, never half of a change."""

from __future__ import annotations

import errno
import hashlib
import os
import stat
from collections.abc import Iterator
from pathlib import Path

from bydawn.gates.beside import write_all
from bydawn.gates.gate import PublishError

# A name, and what stands under it, piece by piece.
Leaving = tuple[str, Iterator[bytes]]
_CHUNK = 1 << 20
# What speaks of this process and its machine, and not of what a run left.
_OUR_OWN = {errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.EIO, errno.EAGAIN, errno.ENOSPC}
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


def open_inside(draft: Path, source: str) -> int:
    """A regular file of the draft, opened without following a link out of it."""
    return _open(draft, source, is_folder=False)


def is_folder_inside(draft: Path, source: str) -> bool:
    """Whether ``source`` names a folder of the draft (``.`` is the draft itself)."""
    try:
        os.close(_open(draft, source, is_folder=True))
    except PublishError as error:
        if not error.hopeless:
            raise
        return False
    return True


def _open(draft: Path, source: str, is_folder: bool) -> int:
    parts = Path(source).parts
    if (not parts and not is_folder) or Path(source).is_absolute() or ".." in parts:
        raise PublishError(f"{source}: is not a path inside the draft", hopeless=True)
    try:
        return _walk(draft, parts, is_folder)
    except FileNotFoundError:
        raise PublishError(f"{source}: is not in the draft", hopeless=True) from None
    except OSError as error:
        is_ours = error.errno in _OUR_OWN
        raise PublishError(f"{source}: {error.strerror}", hopeless=not is_ours) from error


def _walk(draft: Path, parts: tuple[str, ...], is_folder: bool) -> int:
    folder = os.open(draft, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    for part in parts if is_folder else parts[:-1]:
        try:
            below = os.open(part, _FOLDER, dir_fd=folder)
        finally:
            os.close(folder)
        folder = below
    if is_folder:
        return folder
    try:
        return open_regular(parts[-1], folder)
    finally:
        os.close(folder)


def open_regular(name: str | Path, folder: int | None = None) -> int:
    """A regular file and nothing else, opened for reading."""
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    file = os.open(name, flags, dir_fd=folder)
    if not stat.S_ISREG(os.fstat(file).st_mode):
        os.close(file)
        raise PublishError(f"{name}: is not a regular file", hopeless=True)
    return file


def digest_of(descriptor: int) -> str:
    """The sha256 of an open file, from its start."""
    digest = hashlib.sha256()
    os.lseek(descriptor, 0, os.SEEK_SET)
    while chunk := os.read(descriptor, _CHUNK):
        digest.update(chunk)
    os.lseek(descriptor, 0, os.SEEK_SET)
    return digest.hexdigest()


def digest_at(path: Path) -> str | None:
    """The sha256 of a regular file; None when there is none to be read."""
    try:
        descriptor = open_regular(path)
    except (OSError, PublishError):
        return None
    try:
        return digest_of(descriptor)
    finally:
        os.close(descriptor)


def bytes_inside(draft: Path, source: str, most: int) -> bytes:
    """A whole file of the draft in memory, at most ``most`` bytes of it allowed."""
    with os.fdopen(open_inside(draft, source), "rb") as file:
        found = file.read(most + 1)
    if len(found) > most:
        raise PublishError(f"{source}: has more than {most} bytes", hopeless=True)
    return found


def leaving(draft: Path, source: str) -> Iterator[Leaving]:
    """What publishing a file or a folder of the draft would bring out."""
    if not is_folder_inside(draft, source):
        yield source, _pieces(open_inside(draft, source))
        return
    for name, is_folder in entries_of(draft / source):
        yield name, iter(()) if is_folder else _pieces(open_regular(draft / source / name))


def _pieces(descriptor: int) -> Iterator[bytes]:
    with os.fdopen(descriptor, "rb") as file:
        while chunk := file.read(_CHUNK):
            yield chunk


def copied(source: int, place: Path, mode: int) -> str:
    """Copy an open file to ``place``, durably; the sha256 of what was written."""
    digest = hashlib.sha256()
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC
    descriptor = os.open(place, flags, mode)
    try:
        os.lseek(source, 0, os.SEEK_SET)
        while chunk := os.read(source, _CHUNK):
            digest.update(chunk)
            write_all(descriptor, chunk)
        os.fchmod(descriptor, mode)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    return digest.hexdigest()


def entries_of(folder: Path) -> Iterator[tuple[str, bool]]:
    """Every folder and file below ``folder`` by its relative name, folders first and marked.

    Links, pipes and devices are refused: what they lead to is not the draft's.
    """
    for place, names, files in os.walk(folder):
        below = os.path.relpath(place, folder)
        for name in sorted([*names, *files]):
            mode = os.lstat(os.path.join(place, name)).st_mode
            if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
                raise PublishError(
                    f"{os.path.join(below, name)}: is neither a file nor a folder", hopeless=True
                )
        names.sort()
        yield from ((os.path.normpath(os.path.join(below, name)), True) for name in names)
        yield from ((os.path.normpath(os.path.join(below, name)), False) for name in sorted(files))


def tree_digest(folder: Path) -> str:
    """One number for everything in a folder: names, contents and which files may be executed."""
    total = hashlib.sha256()
    for name, is_folder in sorted(entries_of(folder)):
        content = "folder" if is_folder else _file_digest(folder / name)
        total.update(f"{len(os.fsencode(name))}:".encode() + os.fsencode(name))
        total.update(f":{content};".encode())
    return total.hexdigest()


def _file_digest(path: Path) -> str:
    descriptor = open_regular(path)
    try:
        can_run = bool(os.fstat(descriptor).st_mode & 0o100)
        return f"{digest_of(descriptor)}{'+x' if can_run else ''}"
    finally:
        os.close(descriptor)
