"""``bydawn schedule``: have this machine look after a plan's nights."""

from __future__ import annotations

import os
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bydawn.cli.doing import say_done
from bydawn.cli.opening import opened
from bydawn.cli.settings import Settings
from bydawn.cli.talk import Talk
from bydawn.cli.verb import Family, verb
from bydawn.watch import amounts
from bydawn.watch.sanitise import inert
from bydawn.watch.telling import table

if TYPE_CHECKING:
    from bydawn.app.schedules.scheduling import Prepared, Shown, Tonight

_PLAN = click.argument("plan", type=click.Path(path_type=Path))
_KINDS = click.Choice(["cron", "launchd", "systemd"])
_VIA = click.option("--via", type=_KINDS, help="Instead of the first here.")


@click.group(cls=Family)
def schedule() -> None:
    """Begin a plan's nights by themselves, late rather than never, and each once."""


@verb(
    "bydawn schedule show nightly.toml",
    "bydawn schedule show nightly.toml --via systemd    # and what it is, or would be, given",
)
@_PLAN
@click.option("--via", type=_KINDS, help="Also what this one is, or would be, given.")
def show(settings: Settings, talk: Talk, plan: Path, via: str | None) -> int:
    """The coming nights, who looks after them here, and which were missed."""
    from bydawn.app.schedules import scheduling

    with opened(settings, plan) as app:
        path = settings.directory / plan
        shown = scheduling.show(app, path)
        prepared = scheduling.preview(app, path, via) if via else None
    entry = _text_document(prepared) if prepared else None
    given = [prepared.text.rstrip("\n")] if prepared else []
    talk.answer({**_document(shown), "entry": entry}, [*_lines(shown), *given])
    if not shown.installed:
        talk.tell(f"nobody looks after it yet: bydawn schedule install {plan}")
    return 0


@verb(
    "bydawn schedule install nightly.toml",
    "bydawn schedule install nightly.toml --via cron --print    # only show it",
)
@_PLAN
@_VIA
@click.option(
    "--print", "only_show", is_flag=True, help="Show what would be written; write nothing."
)
def install(settings: Settings, talk: Talk, plan: Path, via: str | None, only_show: bool) -> int:
    """Have cron, systemd or launchd look every few minutes whether a night is due.

    A machine that was asleep or off at the moment begins late, up to the plan's catch_up; a night
    whose runner died goes on. PATH and the interpreter are written down; secrets belong into the
    plan's env_file.
    """
    from bydawn.app.schedules import scheduling

    do = scheduling.preview if only_show else scheduling.install
    with opened(settings, plan) as app:
        prepared = do(app, settings.directory / plan, via)
    if only_show:
        talk.answer(_text_document(prepared), [prepared.text.rstrip("\n")])
    else:
        follow = f"bydawn doctor {plan} --as-scheduled checks it in the environment it will have"
        say_done(talk, "install", [f"{prepared.entry.name} ({prepared.kind})"], [], follow)
    talk.tell(*(inert(note) for note in prepared.notes))
    return 0


@verb("bydawn schedule remove nightly.toml")
@_PLAN
@click.option("--via", type=_KINDS, help="Only out of this one.")
def remove(settings: Settings, talk: Talk, plan: Path, via: str | None) -> int:
    """Take the plan out of this machine's schedulers. A night that runs is left alone."""
    from bydawn.app.schedules import scheduling

    with opened(settings, plan) as app:
        removed = scheduling.remove(app, settings.directory / plan, via)
    say_done(
        talk, "remove", [f"{plan} ({kind})" for kind in removed], [] if removed else [str(plan)]
    )
    return 0


@verb("bydawn schedule due nightly.toml    # what the scheduler calls")
@_PLAN
def due(settings: Settings, talk: Talk, plan: Path) -> int:
    """Run the plan unattended if one of its nights is due now; else do nothing, silently."""
    from bydawn.app.schedules import scheduling

    path = settings.directory / plan
    for name, value in scheduling.environment_of(path).items():
        os.environ.setdefault(name, value)
    with opened(settings, plan) as app, scheduling.night_due(app, path) as tonight:
        if tonight is None:
            return 0
        _tell_missed(talk, plan, tonight)
        if tonight.moment_at is None:
            return 0
        tonight.exit_code = _run(settings, talk, plan, tonight)
        return tonight.exit_code


def _run(settings: Settings, talk: Talk, plan: Path, tonight: Tonight) -> int:
    from bydawn.cli.failing import failed
    from bydawn.cli.run import run_unattended

    try:
        return run_unattended(settings, talk, plan, tonight.edition or None)
    except Exception as error:
        return failed(error, settings, ())


def _tell_missed(talk: Talk, plan: Path, tonight: Tonight) -> None:
    for moment in tonight.missed:
        when = amounts.rfc3339(moment)
        talk.insist(f"bydawn: {plan}: the night of {when} was missed; it is not made up for")


def _document(shown: Shown) -> dict[str, Any]:
    watched, night = shown.watched, shown.watched.night if shown.watched else None
    return {
        "schema": "bydawn/schedule/1",
        "plan": shown.plan,
        "cron": shown.cron,
        "timezone": shown.timezone,
        "catch_up_s": amounts.seconds(shown.catch_up_ms),
        "next": [
            {"at": amounts.rfc3339(moment), "edition": edition or None}
            for moment, edition in shown.nights
        ],
        "installed": list(shown.installed),
        "looked_at": amounts.rfc3339(watched.looked_at) if watched else None,
        "last": {
            "at": amounts.rfc3339(night.moment_at),
            "ended_at": amounts.rfc3339(night.ended_at),
            "exit_code": night.exit_code,
        }
        if night
        else None,
        "missed": [amounts.rfc3339(moment) for moment in (watched.missed if watched else ())],
    }


def _text_document(prepared: Prepared) -> dict[str, Any]:
    return {
        "schema": "bydawn/schedule-entry/1",
        "kind": prepared.kind,
        "name": prepared.entry.name,
        "text": prepared.text,
    }


def _lines(shown: Shown) -> list[str]:
    late = amounts.length(shown.catch_up_ms)
    told = partial(amounts.day_and_time, zone=shown.zone)
    head = f"{shown.plan}: {shown.words}, {shown.timezone} ({shown.cron})"
    nights = [(told(moment), f"{shown.plan}@{edition}" if edition else shown.plan)
              for moment, edition in shown.nights]  # fmt: skip
    lines = [inert(head), *(f"  {line}" for line in table([("NEXT", "BATCH"), *nights]))]
    lines.append(f"asleep or off at the moment: it begins up to {late} late, else it is missed")
    if not shown.has_editions:
        lines.append('per = "once": after its first night it stays done')
    return [*lines, *_known(shown)]


def _known(shown: Shown) -> list[str]:
    lines = [f"looked after by {', '.join(shown.installed)}"] if shown.installed else []
    watched = shown.watched
    if watched is None:
        return lines
    told = partial(amounts.day_and_time, zone=shown.zone)
    lines.append(f"last looked at {told(watched.looked_at)}")
    if watched.night:
        night = watched.night
        ended = "not ended" if night.ended_at is None else f"exit {night.exit_code}"
        lines.append(f"last night {told(night.moment_at)}: {ended}")
    return [*lines, *(f"missed {told(moment)}" for moment in watched.missed)]


for _made in (show, install, remove, due):
    schedule.add_command(_made)
