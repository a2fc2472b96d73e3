"""``bydawn schedule``: have this machine look after a plan's nights; look whether one is due."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import tzinfo
from itertools import islice
from pathlib import Path

from bydawn.app.app import App
from bydawn.app.schedules.carrying import carried
from bydawn.app.schedules.memory import Memory, mark_of, memory_of
from bydawn.core.errors import BackendMissing, PlanInvalid
from bydawn.core.schedules import (
    LOOK_EVERY,
    Night,
    Watched,
    due,
    in_words,
    minutes_to_look,
    moments_after,
    moments_between,
)
from bydawn.core.values import value
from bydawn.plan.scheduling import Scheduled, read_env_file, read_schedule
from bydawn.processes.schedulers.cron import Cron
from bydawn.processes.schedulers.entry import Entry, Scheduler, SchedulerFailed
from bydawn.processes.schedulers.launchd import Launchd
from bydawn.processes.schedulers.systemd import Systemd

KINDS = ("cron", "launchd", "systemd")
_SHOWN = 5
# The night is as it was when bydawn broke, the store was busy, or the machine was shut down.
_UNFINISHED = frozenset({70, 75, 129, 143})


@value
class Shown:
    """A plan's schedule as it stands on this machine; ``nights``: moment and edition."""

    plan: str
    cron: str
    words: str
    timezone: str
    zone: tzinfo
    catch_up_ms: int
    nights: tuple[tuple[int, str], ...]
    installed: tuple[str, ...]
    watched: Watched | None
    has_editions: bool
    carried: Mapping[str, str]


@value
class Prepared:
    """What a scheduler is given; ``notes`` are for the person who asked."""

    kind: str
    entry: Entry
    text: str
    notes: tuple[str, ...]


@dataclass(slots=True)
class Tonight:
    """The night that is to be run now, and those that were missed before it."""

    missed: tuple[int, ...]
    moment_at: int | None = None
    edition: str = ""
    exit_code: int | None = None


def show(app: App, path: Path) -> Shown:
    """When the plan is due next, and whether this machine looks after it."""
    found = read_schedule(path)
    moments = islice(moments_after(found.schedule, app.clock.utc_ms()), _SHOWN)
    name = _name(found, path)
    there = [each.kind for each in _all(app) if each.has(name)]
    return Shown(
        plan=found.plan,
        cron=found.schedule.cron,
        words=in_words(found.schedule.cron),
        timezone=found.timezone,
        zone=found.schedule.timezone,
        catch_up_ms=found.schedule.catch_up_ms,
        nights=tuple((moment, found.edition_at(moment)) for moment in moments),
        installed=tuple(there),
        watched=_memory(app, path).watched(),
        has_editions=found.per != "once",
        carried=_memory(app, path).carried() if there else {},
    )


def preview(app: App, path: Path, via: str | None) -> Prepared:
    """What a scheduler would be given; one that is named need not be on this machine."""
    found = read_schedule(path)
    named = next((each for each in _all(app) if each.kind == via), None)
    return _prepared(app, found, path, named or _fit(app, via))


def install(app: App, path: Path, via: str | None) -> Prepared:
    """Have a scheduler of this machine look after the plan."""
    found = read_schedule(path)
    scheduler = _fit(app, via)
    prepared = _prepared(app, found, path, scheduler)
    with _explained():
        scheduler.install(prepared.entry)
    memory = _memory(app, path)
    begun = memory.watched() or Watched(app.clock.utc_ms())
    memory.write(begun, found.schedule, found.timezone)
    memory.keep_carried(prepared.entry.environment)
    return prepared


def remove(app: App, path: Path, via: str | None) -> list[str]:
    """Take the plan out of this machine's schedulers; the kinds it was in."""
    found = read_schedule(path)
    name = _name(found, path)
    candidates = [each for each in _all(app) if via in (None, each.kind)]
    with _explained():
        removed = [each.kind for each in candidates if each.has(name) and each.remove(name)]
    _memory(app, path).forget()
    return removed


def environment_of(path: Path) -> dict[str, str]:
    """What the plan's ``env_file`` says; empty where it has none or cannot be read as a plan."""
    try:
        named = read_schedule(path).env_file
    except PlanInvalid:
        return {}
    return read_env_file(named) if named else {}


@contextlib.contextmanager
def night_due(app: App, path: Path) -> Iterator[Tonight | None]:
    """The night to run now, held so that nobody else on this machine runs it; None when somebody
    does. Its ``exit_code`` must be set by whoever ran it."""
    try:
        found = read_schedule(path)
    except PlanInvalid:
        if _is_missed(app, path):
            raise
        yield None
        return
    memory = _memory(app, path)
    if not memory.hold():
        memory.see(app.clock.utc_ms())
        yield None
        return
    try:
        yield from _looked(app, found, memory)
    finally:
        memory.release()


def _looked(app: App, found: Scheduled, memory: Memory) -> Iterator[Tonight]:
    now = app.clock.utc_ms()
    known = memory.watched()
    watched = _as_seen(known, memory) if known else Watched(now - LOOK_EVERY * 60_000)
    moments = moments_between(found.schedule, watched.looked_at, now)
    todo = due(watched, moments, now, found.schedule.catch_up_ms)
    night = None if _is_past_deadline(app, found, todo.night) else todo.night
    missed = todo.missed if known else ()
    after = Watched(now, night or _given_up(watched.night, now), (*watched.missed, *missed))
    memory.write(after, found.schedule, found.timezone)
    tonight = Tonight(missed)
    if night is not None:
        tonight.moment_at = night.moment_at
        tonight.edition = found.edition_at(night.moment_at)
    yield tonight
    if night is not None and tonight.exit_code not in (None, *_UNFINISHED):
        ended = replace(night, ended_at=app.clock.utc_ms(), exit_code=tonight.exit_code)
        memory.write(replace(after, night=ended), found.schedule, found.timezone)


def _as_seen(watched: Watched, memory: Memory) -> Watched:
    night = watched.night
    if night is None or night.ended_at is not None:
        return watched
    return replace(watched, night=replace(night, seen_at=max(night.seen_at, memory.seen_at())))


def _given_up(night: Night | None, now: int) -> Night | None:
    """A night nobody goes on with is over, whatever became of it."""
    if night is None or night.ended_at is not None:
        return night
    return replace(night, ended_at=now)


def _is_past_deadline(app: App, found: Scheduled, night: Night | None) -> bool:
    """Whether the night was cut short for so long that its own deadline is over: to go on with
    it would set a new one, and work through the day."""
    if night is None or not night.resumes or not app.has_store():
        return False
    batch = app.store.find_batch(found.plan, found.edition_at(night.moment_at))
    return bool(batch and batch.deadline_at and batch.deadline_at <= app.clock.utc_ms())


def _is_missed(app: App, path: Path) -> bool:
    """Whether a plan that is broken now costs a night: it is complained about then, not every few
    minutes. Where nothing is known of its nights, any look might be one."""
    memory = _memory(app, path)
    schedule, watched, now = memory.schedule(), memory.watched(), app.clock.utc_ms()
    if schedule is None or watched is None:
        return True
    moments = moments_between(schedule, watched.looked_at, now)
    if moments:
        told = replace(watched, looked_at=now, missed=(*watched.missed, *moments))
        memory.write(told, schedule, str(schedule.timezone))
    return bool(moments)


def _memory(app: App, path: Path) -> Memory:
    """By the plan's file, which is known even when the plan cannot be read."""
    return memory_of(app.state_folder, path)


def _all(app: App) -> list[Scheduler]:
    environment = app.invocation.environment
    return [Systemd(environment), Launchd(environment), Cron(environment)]


def _prepared(app: App, found: Scheduled, path: Path, scheduler: Scheduler) -> Prepared:
    entry = _entry(app, found, path)
    return Prepared(scheduler.kind, entry, scheduler.text(entry), _notes(found))


def _fit(app: App, via: str | None) -> Scheduler:
    """The scheduler that was named, or the first this machine has."""
    candidates = [each for each in _all(app) if via in (None, each.kind)]
    reasons = {each.kind: each.why_not() for each in candidates}
    fit = next((each for each in candidates if reasons[each.kind] is None), None)
    if fit is None:
        why = "; ".join(f"{kind}: {reason}" for kind, reason in reasons.items())
        raise BackendMissing(
            f"no scheduler can be used here ({why})",
            "--print --via cron shows the line for one you have elsewhere",
        )
    return fit


def _entry(app: App, found: Scheduled, path: Path) -> Entry:
    plan = str(path.resolve())
    argv = (sys.executable, "-m", "bydawn", "schedule", "due", plan)
    return Entry(
        name=_name(found, path),
        title=f'{found.plan} is due at "{found.schedule.cron}" {found.timezone}; looked at often',
        argv=argv,
        folder=path.resolve().parent,
        environment=carried(app),
        minutes=minutes_to_look(found.schedule.cron),
        log=app.state_folder / f"schedule-{found.plan}.log",
    )


def _name(found: Scheduled, path: Path) -> str:
    return f"bydawn-{found.plan}-{mark_of(path)}"


def _notes(found: Scheduled) -> tuple[str, ...]:
    notes = []
    if found.per == "once":
        notes.append('the plan says per = "once": after its first night it stays done')
    if found.env_file and not found.env_file.exists():
        notes.append(f"{found.env_file}: the env_file is not there yet")
    return tuple(notes)


@contextlib.contextmanager
def _explained() -> Iterator[None]:
    try:
        yield
    except SchedulerFailed as error:
        raise BackendMissing(str(error), "--print shows what it was given") from error
    except OSError as error:
        raise BackendMissing(f"{error.filename}: {error.strerror}", "try another --via") from error
