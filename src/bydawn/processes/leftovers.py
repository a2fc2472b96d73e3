"""What runs leave on disk: how old it is, how much room it takes, and its removal.

Of a run that is aged out its claim and its end stay: they prove that it was started once, to
whoever restores an older store. What it printed and what it drafted goes.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import stat
from collections.abc import Iterator

from bydawn.processes.folder import RunFolder

_JOB = re.compile(r"j_[0-9a-f]{12}")
_RUN = re.compile(r"([0-9]{1,9})\.([0-9]{1,9})")
_KEPT = frozenset({"claim", "end.json"})
_AGED_OUT = (0, 0)
_BLOCK = 512


def jobs_with_leftovers(runs_folder: str, until_ms: int) -> Iterator[str]:
    """The ids of jobs whose newest run began by then and of which something may be left."""
    with contextlib.suppress(FileNotFoundError), os.scandir(runs_folder) as found:
        for entry in found:
            if not _JOB.fullmatch(entry.name) or not entry.is_dir(follow_symlinks=False):
                continue
            changed_ns = entry.stat(follow_symlinks=False).st_mtime_ns
            if 0 < changed_ns <= until_ms * 1_000_000:
                yield entry.name


def runs_of(runs_folder: str, job_id: str) -> list[tuple[int, int, str]]:
    """The runs of a job: revision, generation, folder."""
    folder, found = f"{runs_folder}/{job_id}", []
    with contextlib.suppress(OSError):
        for name in os.listdir(folder):
            numbers = _RUN.fullmatch(name)
            if numbers and not os.path.islink(f"{folder}/{name}"):
                found.append((int(numbers[1]), int(numbers[2]), f"{folder}/{name}"))
    return sorted(found)


def generations_claimed(runs_folder: str, job_id: str) -> set[int]:
    """The generations of a job that a supervisor was once given to start here."""
    found = runs_of(runs_folder, job_id)
    return {generation for _, generation, path in found if RunFolder(path).is_claimed()}


def is_under_way(folder: str) -> bool:
    """Whether a supervisor still holds this run."""
    return RunFolder(folder).is_held()


def room_taken(folder: str) -> int:
    """Bytes on disk of what would be removed of a run; links are not followed."""
    return sum(_room(f"{folder}/{name}") for name in _names(folder))


def remove_leftovers(folder: str) -> None:
    """Remove what a run printed and drafted. Raises OSError for what cannot be removed."""
    for name in _names(folder):
        path = f"{folder}/{name}"
        if os.path.isdir(path) and not os.path.islink(path):
            _open_up(path)
            shutil.rmtree(path)
        else:
            os.unlink(path)


def note_aged_out(runs_folder: str, job_id: str) -> None:
    """Nothing is left to be looked at here until the job runs again, which changes its folder."""
    with contextlib.suppress(OSError):
        os.utime(f"{runs_folder}/{job_id}", _AGED_OUT)


def _names(folder: str) -> list[str]:
    with contextlib.suppress(OSError):
        return sorted(set(os.listdir(folder)) - _KEPT)
    return []


def _room(path: str) -> int:
    with contextlib.suppress(OSError):
        found = os.lstat(path)
        inside = os.listdir(path) if stat.S_ISDIR(found.st_mode) else ()
        return found.st_blocks * _BLOCK + sum(_room(f"{path}/{name}") for name in inside)
    return 0


def _open_up(folder: str) -> None:
    """Runs make folders nobody may write to; their owner may change that."""
    for path, names, _ in os.walk(folder):
        for name in (".", *names):
            inside = os.path.join(path, name)
            if not os.path.islink(inside):
                with contextlib.suppress(OSError):
                    os.chmod(inside, 0o700)
