"""The disk is full before a night, or gets full in the middle of it: it stops or waits, says so,
and goes on where it was once there is room."""

from __future__ import annotations

import contextlib
import os
import random
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from aftermath import Told, prepared, undone_after
from nightly import Night, kill, until
from ready import Forked, Ready

from layers import Count

SIZE = 4_000_000
REMEDY = "leave to mount in a user namespace is needed (unshare -Urm)"


def can_mount() -> bool:
    tried = ("unshare", "-Urm", "mount", "-t", "tmpfs", "none", "/mnt")
    with contextlib.suppress(OSError):
        return subprocess.run(tried, capture_output=True, check=False).returncode == 0
    return False


class SmallDisk:
    """A file system of its own, seen by the processes of its nights alone."""

    def __init__(self, place: Path, ready: Ready) -> None:
        self._place, self._ready = place, ready

    @property
    def _ballast(self) -> Path:
        return self._place / "ballast"

    def night(self, outside: Path) -> Night:
        """On a disk with nothing else on it; its recorder is not on that disk."""
        for one in self._place.iterdir():
            shutil.rmtree(one) if one.is_dir() else one.unlink()
        folder = self._place / outside.name
        folder.mkdir()
        return Outside(folder, {"BYDAWN_MIN_FREE": "1KB"}, ready=self._ready, outside=outside)

    def leave_free(self, size: int) -> None:
        """Fill the disk up to so many bytes."""
        disk = os.statvfs(self._place)
        left = disk.f_bavail * disk.f_frsize - size
        with contextlib.suppress(OSError), self._ballast.open("ab") as file:
            file.write(bytes(max(0, left)))

    def make_room(self) -> None:
        self._ballast.unlink(missing_ok=True)


@dataclass
class Outside(Night):
    outside: Path = Path()

    @property
    def recorder(self) -> Path:
        return self.outside / "recorder.txt"


@contextlib.contextmanager
def small_disk(outside: Path) -> Iterator[SmallDisk]:
    """At ``outside/disk``, for as long as its holder lives."""
    inside = outside / "disk"
    inside.mkdir()
    mounting = f"mount -t tmpfs -o size={SIZE} none {inside} && echo there && read _"
    holder = subprocess.Popen(
        ["unshare", "-Urm", "sh", "-c", mounting], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    try:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"there\n"
        enter = ("nsenter", "-t", str(holder.pid), "-U", "-m", "--preserve-credentials")
        with Ready(enter) as ready:
            yield SmallDisk(Path(f"/proc/{holder.pid}/root{inside}"), ready)
    finally:
        holder.communicate(b"\n")


def full_from_the_start(night: Night, disk: SmallDisk, chance: random.Random) -> Told:
    """Room for the beginning of it, or not even for that."""
    disk.leave_free(chance.choice((0, 20_000, 200_000, 400_000, 600_000)))
    return outcome(night.start("run", "plan.toml"))


def full_in_the_middle(night: Night, disk: SmallDisk, chance: random.Random) -> Told:
    """While runs are at work, and write down their ends when there is no room for them."""
    started, done = night.start("run", "plan.toml"), chance.randrange(1, 5)
    until(lambda: sum(night.effects().values()) >= done or started.poll() is not None)
    disk.leave_free(chance.choice((0, 0, 4_096, 16_384)))
    return outcome(started)


def outcome(started: Forked) -> Told:
    """How it ended; one that waits for room is killed, as people kill what hangs."""
    try:
        _, errors = started.communicate(timeout=4)
    except subprocess.TimeoutExpired:
        kill(started)
        return Told(0, "")
    return Told(started.returncode, errors)


def unexplained(told: Told) -> list[str]:
    words = ("is full", "No space left", "too little for a night")
    is_said = told.code == 0 or any(word in told.errors for word in words)
    return [] if is_said else [f"{told.code} without a word of the disk: {told.errors[-500:]}"]


@pytest.mark.prove("the disk is full, real processes")
@pytest.mark.timeout(36_000)
@pytest.mark.skipif(not can_mount(), reason=REMEDY)
def test_a_full_disk(tmp_path: Path, prove_size: int, trials: Count) -> None:
    count, stopped = max(4, prove_size // 5), 0
    trials(count)
    with small_disk(tmp_path) as disk:
        for number in range(count):
            outside, chance = tmp_path / str(number), random.Random(f"disk {number}")
            outside.mkdir()
            night = prepared(disk.night(outside), "0.2", "1500ms")
            trouble = (full_from_the_start, full_in_the_middle)[number % 2]
            told = trouble(night, disk, chance)
            disk.make_room()
            found = told.harm + unexplained(told) + undone_after(night)
            stopped += told.code != 0
            assert found == [], f"{trouble.__name__} {number}: {found}"
    assert stopped > count // 8, "there was always room"
