"""``bydawn db``: look at the store, migrate it, back it up, put it back, export it, make room."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bydawn.cli.doing import say_done
from bydawn.cli.opening import opened
from bydawn.cli.settings import Settings
from bydawn.cli.talk import Talk
from bydawn.cli.verb import Family, verb
from bydawn.core.errors import UsageError
from bydawn.core.lengths import LengthError, parse_length
from bydawn.core.states import Reason
from bydawn.watch import ways, wording
from bydawn.watch.amounts import some
from bydawn.watch.sanitise import json_text
from bydawn.watch.telling import table

if TYPE_CHECKING:
    from bydawn.app import App
    from bydawn.app.keeping.ageing import Pruned
    from bydawn.app.keeping.recovering import Recovered

_INCOMPLETE = 1


@click.group(cls=Family)
def db() -> None:
    """Look at the store, migrate it, back it up, put it back, export it, make room."""


@verb("bydawn db status")
def status(settings: Settings, talk: Talk) -> int:
    """Where the store is, how large it is, and who works on it."""
    with opened(settings) as app:
        facts = _facts(app)
    talk.answer(
        {"schema": "bydawn/store/1", **facts}, table((name, str(v)) for name, v in facts.items())
    )
    return 0


@verb("bydawn db migrate")
def migrate(settings: Settings, talk: Talk) -> int:
    """Bring the store to this version's form. Any command does so; this one does nothing else."""
    with opened(settings) as app:
        app.existing_store()
        say_done(talk, "migrate", [app.store_url], [])
    return 0


@verb("bydawn db backup night.db")
@click.argument("target", type=click.Path(path_type=Path))
def backup(settings: Settings, talk: Talk, target: Path) -> int:
    """A consistent copy of the store, taken while it may be in use."""
    with opened(settings) as app:
        app.backup(settings.directory / target)
    say_done(talk, "back up to", [str(target)], [])
    return 0


@verb("bydawn db prune --dry-run", "bydawn db prune --older-than 7d")
@click.option("--older-than", metavar="LENGTH", help="Instead of what each plan keeps.")
@click.option("--dry-run", is_flag=True, help="Say what would go; remove nothing.")
def prune(settings: Settings, talk: Talk, older_than: str | None, dry_run: bool) -> int:
    """Remove old logs and drafts of jobs that are over. Keys, revisions, receipts and the journal
    stay for ever, so nothing is ever done twice for it.

    Runs end with a short round of this by themselves. Safe while others run.
    """
    with opened(settings) as app:
        found = app.prune(_length(older_than), dry_run)
    talk.answer(_pruned_document(found, dry_run), _pruned_lines(found, dry_run))
    return _INCOMPLETE if found.left else 0


def _length(text: str | None) -> int | None:
    try:
        return None if text is None else parse_length(text)
    except LengthError as error:
        raise UsageError(f"--older-than: {error}") from None


def _pruned_document(found: Pruned, is_rehearsal: bool) -> dict[str, Any]:
    left = [{"folder": folder, "why": why} for folder, why in found.left]
    return {
        "schema": "bydawn/pruned/1", "dry_run": is_rehearsal, "runs": found.runs,
        "size_bytes": found.size_bytes, "plans": found.plans, "left": left,
    }  # fmt: skip


def _pruned_lines(found: Pruned, is_rehearsal: bool) -> list[str]:
    verb = "would be removed" if is_rehearsal else "removed"
    lines = [f"{plan}: {some(runs, 'run', 'runs')}" for plan, runs in sorted(found.plans.items())]
    lines += [f"{folder}: could not be removed ({why})" for folder, why in found.left]
    size = f"{found.size_bytes / 1_000_000:.1f} MB"
    return [*lines, f"logs and drafts of {some(found.runs, 'run', 'runs')} {verb}, {size}"]


@verb("bydawn db export > store.jsonl", "bydawn db export store.jsonl")
@click.argument("target", required=False, type=click.Path(path_type=Path))
def export(settings: Settings, talk: Talk, target: Path | None) -> int:
    """The whole store as JSON lines, one for each row; docs/store.md says what they mean.

    Prompts, items and results are in it.
    """
    with opened(settings) as app:
        lines = (json_text(value) for value in app.export())
        if target is None:
            _say_lines(talk, lines)
        else:
            _write_lines(settings.directory / target, lines)
            say_done(talk, "export to", [str(target)], [])
    return 0


def _say_lines(talk: Talk, lines: Iterator[str]) -> None:
    for line in lines:
        talk.say(line)
        if talk.is_deaf:
            return


def _write_lines(path: Path, lines: Iterator[str]) -> None:
    """A new file, for its owner only."""
    if path.exists():
        raise UsageError(f"{path}: is there already", "name a file that does not exist")
    with open(path, "x", encoding="utf-8", opener=_private) as stream:
        stream.writelines(f"{line}\n" for line in lines)


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def _facts(app: App) -> dict[str, Any]:
    exists = app.has_store()
    return {
        "store": app.store_url,
        "exists": exists,
        "size_bytes": app.store.session.size_bytes() if exists else 0,
        "state_folder": str(app.state_folder),
        "batches": len(app.store.batches()) if exists else 0,
        "runners": len(app.runners()) if exists else 0,
        "stopped": app.is_stopped(),
    }


@verb("bydawn db recover")
def recover(settings: Settings, talk: Talk) -> int:
    """Say that a backup was put in the store's place, before anything runs on it again.

    Tokens go on far beyond all that were given out since. A job that may have been launched since
    goes on where this machine's disk says that a second launch meets the first run, or where its
    plan says on_doubt = "relaunch". All others are parked: look at their service, then say what
    became of them.
    """
    from bydawn.app.keeping.recovering import recover as do

    with opened(settings) as app:
        found = do(app)
        names = [
            ways.address(app.store.batch(job.batch).address, job.name, job.job_id)
            for job in found.parked
        ]
    talk.answer(_recovered_document(found, names), _recovered_lines(found, names))
    if names:
        talk.lead_on(f"bydawn resolve {names[0]} --as succeeded|failed|retry --reason TEXT")
    return 0


def _recovered_document(found: Recovered, names: list[str]) -> dict[str, Any]:
    return {
        "schema": "bydawn/recovered/1", "token": found.token, "parked": names, "left": found.left,
    }  # fmt: skip


def _recovered_lines(found: Recovered, names: list[str]) -> list[str]:
    lines = [f"parked: {name}: {wording.why(Reason.IN_DOUBT)}" for name in names]
    left = some(found.left, "open job goes", "open jobs go")
    return [*lines, f"{left} on alone", f"tokens go on at {found.token}"]


for _made in (status, migrate, backup, recover, prune, export):
    db.add_command(_made)
