"""The keys that seal the journal, and the heads this machine has seen; beside the user's settings,
never in the store, in a job's environment or in its sandbox.

Each machine makes a key of its own at first use. To check what another machine has sealed, its key
is brought over by hand.
"""

from __future__ import annotations

import contextlib
import os
import re
import secrets
from collections.abc import Iterator, Mapping
from pathlib import Path

from bydawn.core.chain import Head, Sealer, sealer
from bydawn.core.errors import UsageError
from bydawn.core.folders import user_folder

_FOLDER = "audit"
_OWN = "own.key"
_BYTES = 32
_TEXT = re.compile(r"[0-9a-f]{64}\n?")
_HEAD = re.compile(r"(\d{1,18}):([0-9a-f]{16,64})")


def audit_folder(environment: Mapping[str, str]) -> Path | None:
    """Where keys and heads are; None where there is no home."""
    folder = user_folder(environment)
    return Path(folder, _FOLDER) if folder else None


def own_sealer(environment: Mapping[str, str]) -> Sealer | None:
    """This machine's key, made when there is none; None where it can be neither read nor made: a
    night is not given up for it, and an audit says what was written without."""
    folder = audit_folder(environment)
    if folder is None:
        return None
    try:
        return _read(folder / _OWN) or _made(folder)
    except OSError:
        return None


def sealers(environment: Mapping[str, str]) -> list[Sealer]:
    """Every key that is here, this machine's and those brought over."""
    folder = audit_folder(environment)
    found = [_read(path) for path in sorted(folder.glob("*.key"))] if folder else []
    return [one for one in found if one]


def export_key(environment: Mapping[str, str], target: Path) -> str:
    """Write this machine's key to a new private file; its name."""
    own = own_sealer(environment)
    if own is None:
        raise UsageError("there is no key here, and none can be made", "set HOME to a folder")
    try:
        _write_new(target, own)
    except FileExistsError:
        raise UsageError(f"{target}: is there already", "name a file that does not exist") from None
    except OSError as error:
        raise UsageError(f"{target}: {error.strerror}", "name another file") from error
    return own.id


def import_key(environment: Mapping[str, str], source: Path) -> str:
    """Keep another machine's key, to check its seals; its name."""
    folder = audit_folder(environment)
    try:
        found = _read(source)
    except OSError as error:
        raise UsageError(f"{source}: {error.strerror}", "name the exported file") from error
    if found is None or folder is None:
        raise UsageError(
            f"{source}: is no key", "make the file with bydawn audit key export on that machine"
        )
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    with contextlib.suppress(FileExistsError):
        _write_new(folder / f"{found.id}.key", found)
    return found.id


def read_head(text: str) -> Head:
    """A head as it was noted down; at least sixteen digits of its hash."""
    found = _HEAD.fullmatch(text.strip())
    if not found:
        raise UsageError(f"{text[:100]!r}: is no head", "write it as bydawn audit head prints it")
    return Head(int(found[1]), found[2])


def note_head(environment: Mapping[str, str], store_id: str, head: Head | None) -> None:
    """Remember a head on this machine, as an anchor for later; nothing is lost where it fails."""
    folder = audit_folder(environment)
    if folder is None or head is None:
        return
    line = f"{head.seq}:{head.hash}\n".encode()
    with contextlib.suppress(OSError):
        path = _heads(folder, store_id)
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        if _last_line(path) == line:
            return
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            os.write(descriptor, line)
        finally:
            os.close(descriptor)


def noted_heads(environment: Mapping[str, str], store_id: str) -> tuple[Path | None, list[Head]]:
    """The heads this machine has seen of a store, and the file they are in."""
    folder = audit_folder(environment)
    if folder is None:
        return None, []
    path = _heads(folder, store_id)
    return path, list(_heads_in(path))


def _heads_in(path: Path) -> Iterator[Head]:
    with contextlib.suppress(OSError):
        for line in path.read_text("ascii", errors="replace").splitlines():
            if found := _HEAD.fullmatch(line):
                yield Head(int(found[1]), found[2])


def _last_line(path: Path) -> bytes:
    with contextlib.suppress(OSError), path.open("rb") as stream:
        stream.seek(max(0, path.stat().st_size - 200))
        return b"".join(stream.read().splitlines(keepends=True)[-1:])
    return b""


def _heads(folder: Path, store_id: str) -> Path:
    return folder / "heads" / re.sub(r"[^A-Za-z0-9_-]", "_", store_id)[:64]


def _read(path: Path) -> Sealer | None:
    """The key in a file; None where there is no file or no key in it."""
    try:
        text = path.read_text("ascii", errors="replace")
    except FileNotFoundError:
        return None
    return sealer(bytes.fromhex(text)) if _TEXT.fullmatch(text) else None


def _made(folder: Path) -> Sealer | None:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    private = folder / f"new.{secrets.token_hex(6)}"
    made = sealer(secrets.token_bytes(_BYTES))
    try:
        _write_new(private, made)
        with contextlib.suppress(FileExistsError):  # two processes at their first use: one wins
            os.link(private, folder / _OWN)
    finally:
        private.unlink(missing_ok=True)
    return _read(folder / _OWN)


def _write_new(path: Path, key: Sealer) -> None:
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
    descriptor = os.open(path, flags, 0o600)
    try:
        os.write(descriptor, f"{key.key.hex()}\n".encode())
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
