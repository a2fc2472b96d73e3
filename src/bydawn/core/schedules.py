"""When a plan's nights begin, and what is to be done about that now.

A schedule is looked at every few minutes rather than trusted to fire once: so a machine that slept
through the moment, or was switched on late, still starts the night, and one whose runner died goes
on with it. Times that a clock change leaves out or repeats begin one night each.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta, tzinfo
from itertools import islice

from cronsim import CronSim, CronSimError

from bydawn.core.values import value

CATCH_UP_MS = 2 * 3_600_000
LOOK_EVERY = 5
MOST_RESUMES = 10
_LONGEST_LOOK_BACK_MS = 366 * 86_400_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)
_WORDS = {
    "@hourly": "0 * * * *",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@weekly": "0 0 * * 0",
    "@monthly": "0 0 1 * *",
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
}


class ScheduleError(ValueError):
    """The text is no cron line that ever comes."""


@value
class Schedule:
    """Five cron fields, read by the clock of ``timezone``; how late a night may still begin."""

    cron: str
    timezone: tzinfo
    catch_up_ms: int = CATCH_UP_MS


@value
class Night:
    """One night that was begun. ``ended_at`` None: whoever runs it has not come back to say so;
    ``seen_at`` is when somebody was last seen to run it."""

    moment_at: int
    began_at: int
    seen_at: int
    ended_at: int | None = None
    exit_code: int | None = None
    resumes: int = 0


@value
class Watched:
    """What is known of a schedule on this machine: everything up to ``looked_at`` is settled."""

    looked_at: int
    night: Night | None = None
    missed: tuple[int, ...] = ()


@value
class Due:
    """What to do now: begin or go on with ``night`` (None: nothing), and which were missed."""

    night: Night | None = None
    missed: tuple[int, ...] = ()


def parse_cron(text: str) -> str:
    """The five fields of a cron line; ScheduleError when there are not, or none ever comes."""
    fields = _WORDS.get(text.strip().lower(), text.strip())
    if len(fields.split()) != 5:
        raise ScheduleError('write five fields like "30 22 * * *", or a word like "@daily"')
    try:
        next(CronSim(fields, _EPOCH))
    except CronSimError as error:
        raise ScheduleError(f"{error}".rstrip(".").lower()) from error
    except StopIteration:
        raise ScheduleError("no day of the calendar ever fits it") from None
    return fields


def in_words(cron: str) -> str:
    return CronSim(cron, _EPOCH).explain()


def moments_after(schedule: Schedule, at_ms: int) -> Iterator[int]:
    """Every moment after an instant, in order, each once whatever the clocks do."""
    last = at_ms
    for local in CronSim(schedule.cron, _local(at_ms, schedule.timezone)):
        moment = (local.astimezone(UTC) - _EPOCH) // _MILLISECOND
        if moment > last:
            last = moment
            yield moment


def moments_between(schedule: Schedule, after_at: int, until_at: int) -> list[int]:
    """The moments in (after, until], of the last year at most."""
    found = []
    for moment in moments_after(schedule, max(after_at, until_at - _LONGEST_LOOK_BACK_MS)):
        if moment > until_at:
            break
        found.append(moment)
    return found


def due(watched: Watched, moments: Sequence[int], now: int, catch_up_ms: int) -> Due:
    """What follows from the moments since the last look. Only the newest may begin: no bursts."""
    if moments and now - moments[-1] <= catch_up_ms:
        return Due(Night(moments[-1], now, now), tuple(moments[:-1]))
    night = None if moments else watched.night
    if night is not None and _may_go_on(night, now, catch_up_ms):
        return Due(replace(night, seen_at=now, resumes=night.resumes + 1))
    return Due(None, tuple(moments))


def _may_go_on(night: Night, now: int, catch_up_ms: int) -> bool:
    """Whether its runner died a short while ago, and not again and again."""
    is_late = now - night.seen_at > catch_up_ms
    return night.ended_at is None and not is_late and night.resumes < MOST_RESUMES


def minutes_to_look(cron: str) -> tuple[int, ...]:
    """The minutes of every hour at which to look: each of the cron line's own, and every few."""
    own = sorted({moment.minute for moment in _some_moments(cron)})
    offsets = {minute % LOOK_EVERY for minute in own}
    if len(offsets) == 1:
        return tuple(range(offsets.pop(), 60, LOOK_EVERY))
    return tuple(sorted({*range(0, 60, LOOK_EVERY), *own}))


def _some_moments(cron: str) -> Iterator[datetime]:
    """Enough moments to have seen every minute the line names."""
    return islice(CronSim(cron, _EPOCH), 120)


def _local(at_ms: int, timezone: tzinfo) -> datetime:
    return (_EPOCH + timedelta(milliseconds=at_ms)).astimezone(timezone)
