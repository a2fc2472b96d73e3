"""Files that a remote run left behind, put into a draft: bounded, and never outside it.

Names and sizes come from a machine that an agent had in its hands, so nothing of them is believed.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath

from bydawn.core.sightings import Failure, FailureClass
from bydawn.core.values import value

MOST_FILES = 2_000
MOST_BYTES = 256 << 20
MOST_IN_REPLY = 32 << 20
ANSWER = "answer.txt"


@value
class Artifact:
    """One remote file: its place below the draft, and the call that reads it."""

    name: str
    size: int
    read: Callable[[], bytes]


def chosen(files: Iterable[Artifact], patterns: Sequence[str]) -> Iterator[Artifact]:
    """The files whose name fits a pattern; all of them where there is none."""
    for one in files:
        if not patterns or any(fnmatchcase(one.name, pattern) for pattern in patterns):
            yield one


def fetch(files: Iterable[Artifact], answer: str | None, folder: str) -> Failure | None:
    """Write every file, and the run's answer as ``answer.txt`` where no file has that name."""
    taken = list(files)
    if len(taken) > MOST_FILES:
        return _too_much(f"more than {MOST_FILES} files")
    if any(one.size > MOST_IN_REPLY for one in taken):
        return _too_much(f"a file of more than {MOST_IN_REPLY >> 20} MB")
    if sum(one.size for one in taken) > MOST_BYTES:
        return _too_much(f"more than {MOST_BYTES >> 20} MB")
    for one in taken:
        place = inside(folder, one.name)
        if place is None:
            return Failure(
                FailureClass.PERMANENT, "bad_name", f"not a place in a draft: {one.name!r}"
            )
        _write(place, one.read())
    if answer is not None and all(one.name != ANSWER for one in taken):
        _write(Path(folder, ANSWER), answer.encode("utf-8", "replace"))
    return None


def inside(folder: str, name: str) -> Path | None:
    """Where a file of this name belongs; None for a name that leads out of the folder."""
    parts = PurePosixPath(name).parts
    if not parts or name.endswith("/") or "\0" in name:
        return None
    if any(part in ("..", "/", "//") for part in parts):
        return None
    return Path(folder, *parts)


def _write(place: Path, data: bytes) -> None:
    """Whole or not at all, since this may be repeated after a crash."""
    place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    private = place.with_name(f".{place.name[:100]}.part")
    descriptor = os.open(private, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
    with os.fdopen(descriptor, "wb") as stream:
        stream.write(data)
    os.replace(private, place)


def _too_much(what: str) -> Failure:
    message = f"the run left {what}; name those that matter in the backend's table: collect = […]"
    return Failure(FailureClass.PERMANENT, "too_large", message)
