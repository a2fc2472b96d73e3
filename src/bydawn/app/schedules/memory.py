"""What this machine remembers of a plan's nights between two looks, and who may look."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bydawn.core.keys import digest
from bydawn.core.schedules import Night, Schedule, Watched, moments_after
from bydawn.plan.identity import zone
from bydawn.processes.presence import Presence

FOLDER = "schedules"
_MOST_MISSED = 20


class Memory:
    """One plan's record. Only the holder of its presence writes it; anybody may read."""

    def __init__(self, state_folder: Path, plan: str) -> None:
        self._folder = state_folder / FOLDER
        self._path = self._folder / f"{plan}.json"
        self._seen = self._folder / f"{plan}.seen"
        self._carried = self._folder / f"{plan}.environment"
        self._presence = Presence(self._folder, f"{plan}.held")

    def hold(self) -> bool:
        """Be the one who looks, until ``release``; False when another process is."""
        self._prepare()
        return self._presence.take()

    def release(self) -> None:
        self._presence.release()

    def watched(self) -> Watched | None:
        """What is known; None before the first look, or when the record cannot be read."""
        try:
            return _watched(self._read())
        except (OSError, ValueError, TypeError, KeyError):
            return None

    def schedule(self) -> Schedule | None:
        """The schedule as it was when last read, for a look at a plan that is broken now."""
        try:
            said = self._read()["schedule"]
            timezone = zone(said["timezone"])
            return Schedule(said["cron"], timezone, said["catch_up_ms"]) if timezone else None
        except (OSError, ValueError, TypeError, KeyError):
            return None

    def write(self, watched: Watched, schedule: Schedule, timezone: str) -> None:
        kept = dataclasses.replace(watched, missed=watched.missed[-_MOST_MISSED:])
        said = {"cron": schedule.cron, "timezone": timezone, "catch_up_ms": schedule.catch_up_ms}
        text = json.dumps({**dataclasses.asdict(kept), "schedule": said})
        self._prepare()
        fresh = self._path.with_suffix(".new")
        fresh.write_text(text, "utf-8")
        os.replace(fresh, self._path)

    def carried(self) -> dict[str, str]:
        """What of a person's environment was written down for the scheduler."""
        try:
            said = json.loads(self._carried.read_text("utf-8"))
            return {str(name): str(value) for name, value in said.items()}
        except (OSError, ValueError, AttributeError):
            return {}

    def keep_carried(self, environment: Mapping[str, str]) -> None:
        self._carried.write_text(json.dumps(dict(environment)), "utf-8")

    def see(self, now: int) -> None:
        """Note that somebody is running the night just now."""
        with contextlib.suppress(OSError):
            self._seen.touch()
            os.utime(self._seen, (now / 1000, now / 1000))

    def seen_at(self) -> int:
        try:
            return int(self._seen.stat().st_mtime * 1000)
        except OSError:
            return 0

    def forget(self) -> None:
        for path in (self._path, self._seen, self._carried):
            path.unlink(missing_ok=True)

    def _prepare(self) -> None:
        for folder in (self._folder.parent, self._folder):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)

    def _read(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self._path.read_text("utf-8"))
        return found


def memory_of(state_folder: Path, path: Path) -> Memory:
    """By the plan's file, which is known even when the plan cannot be read."""
    return Memory(state_folder, f"{path.stem}-{mark_of(path)}")


def mark_of(path: Path) -> str:
    """What tells plan files of one name apart."""
    return digest([str(path.resolve())])[:6]


def next_night(state_folder: Path, path: Path, now: int) -> int | None:
    """When this machine begins the next night of a plan; None where it has no schedule for it."""
    schedule = memory_of(state_folder, path).schedule()
    return None if schedule is None else next(moments_after(schedule, now), None)


def _watched(said: dict[str, Any]) -> Watched:
    night = said["night"]
    return Watched(int(said["looked_at"]), Night(**night) if night else None, tuple(said["missed"]))
