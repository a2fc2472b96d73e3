"""A plan's schedule, read without reading the plan in full: it is asked for every few minutes."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import tzinfo
from pathlib import Path
from typing import Any

from bydawn.core.editions import PERIODS, edition
from bydawn.core.errors import Complaint, PlanInvalid
from bydawn.core.lengths import LengthError, parse_length, parse_time_of_day
from bydawn.core.schedules import CATCH_UP_MS, Schedule, ScheduleError, parse_cron
from bydawn.core.values import value
from bydawn.plan.complaints import Complaints
from bydawn.plan.identity import source_folder, zone
from bydawn.plan.read import read_toml


@value
class Scheduled:
    """When a plan is due, and which edition a moment stands for."""

    plan: str
    per: str
    day_starts_ms: int
    timezone: str
    schedule: Schedule
    env_file: Path | None = None

    def edition_at(self, moment_at: int) -> str:
        return edition(self.per, moment_at, self.schedule.timezone, self.day_starts_ms)


def read_schedule(path: Path) -> Scheduled:
    """What the plan says of its nights; PlanInvalid when it says nothing, or nothing sound."""
    source = read_toml(path)
    told = source.complaints()
    table = source.data.get("schedule")
    table = table if isinstance(table, dict) else {}
    name, per = source.data.get("name"), source.data.get("per", "once")
    if not isinstance(name, str) or not name:
        told.add(("name",), "the plan has no name")
    if per not in PERIODS:
        told.add(("per",), f"must be one of {', '.join(PERIODS)}")
    zone_name, timezone = _timezone(source.data, told)
    schedule = Schedule(_cron(table, told), timezone, _length(table, told))
    day_starts_ms = _time_of_day(source.data, told)
    if told.found:
        raise PlanInvalid(tuple(told.found))
    return Scheduled(
        str(name), str(per), day_starts_ms, zone_name, schedule, _env_file(table, path)
    )


def _timezone(data: Mapping[str, Any], told: Complaints) -> tuple[str, tzinfo]:
    name = str(data.get("timezone", "UTC"))
    found = zone(name)
    if found is None:
        told.add(("timezone",), f'there is no timezone "{name}"')
        return _timezone({}, told)
    return name, found


def _cron(table: Mapping[str, Any], told: Complaints) -> str:
    given = table.get("cron")
    if not isinstance(given, str):
        told.add(("schedule",), "cron is missing", 'cron = "30 22 * * *"')
        return ""
    try:
        return parse_cron(given)
    except ScheduleError as error:
        told.add(("schedule", "cron"), str(error))
        return ""


def _length(table: Mapping[str, Any], told: Complaints) -> int:
    given = table.get("catch_up")
    try:
        return CATCH_UP_MS if given is None else parse_length(str(given))
    except LengthError as error:
        told.add(("schedule", "catch_up"), str(error))
        return CATCH_UP_MS


def _time_of_day(data: Mapping[str, Any], told: Complaints) -> int:
    try:
        return parse_time_of_day(str(data.get("day_starts", "00:00")))
    except LengthError as error:
        told.add(("day_starts",), str(error))
        return 0


def _env_file(table: Mapping[str, Any], path: Path) -> Path | None:
    given = table.get("env_file")
    return source_folder(path) / Path(str(given)).expanduser() if given else None


def read_env_file(path: Path) -> dict[str, str]:
    """``NAME=value`` lines, ``#`` for comments; PlanInvalid where others may read it."""
    from bydawn.plan.read import read_text

    if path.exists() and path.stat().st_mode & 0o077:
        raise _wrong(path, None, "others may read it", f"chmod 600 {path}")
    return dict(
        _pair(path, number, line)
        for number, line in enumerate(read_text(path).splitlines(), 1)
        if line.strip() and not line.lstrip().startswith("#")
    )


def _pair(path: Path, number: int, line: str) -> tuple[str, str]:
    name, is_pair, value = line.strip().removeprefix("export ").partition("=")
    if not is_pair or not name.strip().replace("_", "a").isalnum():
        raise _wrong(path, number, "it is no NAME=value", "one variable a line")
    value = value.strip()
    if len(value) > 1 and value[0] == value[-1] and value[0] in "'\"":
        value = value[1:-1]
    return name.strip(), value


def _wrong(path: Path, line: int | None, message: str, remedy: str) -> PlanInvalid:
    return PlanInvalid((Complaint(str(path), line, "", message, remedy),))
