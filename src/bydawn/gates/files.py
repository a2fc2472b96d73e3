"""Publish a draft file: readers see the old content or the new, never half of either.

Written beside the target, flushed, renamed over it, and the folder flushed. Installed again only when
the content differs. The token check at the target comes with the fenced gate.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import secrets
import stat
from pathlib import Path

_CHUNK = 1 << 20


class PublishError(Exception):
    """The target could not be installed. ``hopeless`` when trying again cannot help."""

    def __init__(self, message: str, hopeless: bool = False) -> None:
        super().__init__(message)
        self.hopeless = hopeless


def publish(draft: Path, source: str, target: Path) -> str:
    """Install ``source`` of the draft at ``target``; the sha256 of what readers see from now on."""
    descriptor = open_inside(draft, source)
    try:
        digest = digest_of(descriptor)
        if _already_there(target, digest):
            return digest
        _install(descriptor, target)
        return digest
    finally:
        os.close(descriptor)


def open_inside(draft: Path, source: str) -> int:
    """A regular file of the draft, opened without following a link out of it."""
    parts = Path(source).parts
    if not parts or Path(source).is_absolute() or ".." in parts:
        raise PublishError(f"{source}: is not a path inside the draft", hopeless=True)
    try:
        return _walk(draft, parts)
    except FileNotFoundError:
        raise PublishError(f"{source}: is not in the draft", hopeless=True) from None
    except OSError as error:
        raise PublishError(f"{source}: {error.strerror}", hopeless=True) from error


def _walk(draft: Path, parts: tuple[str, ...]) -> int:
    folder = os.open(draft, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        for part in parts[:-1]:
            below = os.open(
                part, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=folder
            )
            os.close(folder)
            folder = below
        flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        file = os.open(parts[-1], flags, dir_fd=folder)
    finally:
        os.close(folder)
    if not stat.S_ISREG(os.fstat(file).st_mode):
        os.close(file)
        raise PublishError(f"{'/'.join(parts)}: is not a regular file", hopeless=True)
    return file


def digest_of(descriptor: int) -> str:
    """The sha256 of an open file, from its start."""
    digest = hashlib.sha256()
    os.lseek(descriptor, 0, os.SEEK_SET)
    while chunk := os.read(descriptor, _CHUNK):
        digest.update(chunk)
    os.lseek(descriptor, 0, os.SEEK_SET)
    return digest.hexdigest()


def _already_there(target: Path, digest: str) -> bool:
    try:
        there = os.open(target, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        return stat.S_ISREG(os.fstat(there).st_mode) and digest_of(there) == digest
    finally:
        os.close(there)


def _install(source: int, target: Path) -> None:
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        mode = stat.S_IMODE(target.stat().st_mode) if target.is_file() else 0o644
        temporary = target.with_name(f".{target.name}.{secrets.token_hex(6)}")
        try:
            _write(source, temporary, mode)
            temporary.replace(target)
        finally:
            with contextlib.suppress(FileNotFoundError):
                temporary.unlink()
        flush_folder(target.parent)
    except OSError as error:
        raise PublishError(f"{target}: {error.strerror}") from error


def _write(source: int, temporary: Path, mode: int) -> None:
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
    descriptor = os.open(temporary, flags, mode)
    try:
        while chunk := os.read(source, _CHUNK):
            view = memoryview(chunk)
            while view:
                view = view[os.write(descriptor, view) :]
        os.fchmod(descriptor, mode)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def flush_folder(folder: Path) -> None:
    """Make a rename in this folder survive a power loss."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
