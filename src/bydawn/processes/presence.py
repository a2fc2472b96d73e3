"""Proof of life on this machine: a lock the kernel releases when its holder dies, however it
dies."""

from __future__ import annotations

import contextlib
import fcntl
import os
import secrets
from pathlib import Path


class Presence:
    """Held by a live process under a name; everybody on this machine can ask whether it is."""

    def __init__(self, folder: Path, name: str) -> None:
        self._path = folder / name
        self._descriptor: int | None = None

    def take(self) -> bool:
        """Hold the name until ``release`` or death; False when another process holds it."""
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        if not _try_hold(descriptor):
            os.close(descriptor)
            return False
        self._descriptor = descriptor
        return True

    def release(self) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def forget(self) -> None:
        """Release, and leave no file behind; only for names that are never used again."""
        with contextlib.suppress(OSError):
            self._path.unlink()
        self.release()


def is_gone(folder: Path, name: str) -> bool:
    """Whether nobody on this machine holds the name any more."""
    try:
        descriptor = os.open(folder / name, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return True
    except OSError:
        return False
    try:
        return _try_hold(descriptor)
    finally:
        os.close(descriptor)


def machine_id(state_folder: Path) -> str:
    """A random name for this machine, made once and kept in the local state folder."""
    path = state_folder / "machine"
    with contextlib.suppress(FileNotFoundError):
        found = path.read_text("ascii", errors="replace").strip()
        if found:
            return found
    state_folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    name = f"m_{secrets.token_hex(8)}"
    _write_once(path, name)
    return path.read_text("ascii").strip()


def _write_once(path: Path, text: str) -> None:
    """The first writer wins; nobody ever reads half a name."""
    temporary = path.with_name(f"{path.name}.{secrets.token_hex(4)}")
    temporary.write_text(text, "ascii")
    temporary.chmod(0o600)
    try:
        with contextlib.suppress(FileExistsError):
            os.link(temporary, path)
    finally:
        temporary.unlink()


def _try_hold(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
