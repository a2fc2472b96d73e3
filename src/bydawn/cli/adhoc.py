"""``bydawn run -- CMD`` and ``run --task PROMPT``: one job in the batch adhoc."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from bydawn.cli.faces import face_for
from bydawn.cli.opening import opened, reading_of
from bydawn.cli.settings import Settings
from bydawn.cli.talk import Talk
from bydawn.core.errors import UsageError
from bydawn.core.lengths import LengthError, parse_length
from bydawn.watch import ways
from bydawn.watch.documents import job_document
from bydawn.watch.telling import job_line

if TYPE_CHECKING:
    from bydawn.app import AdhocWanted, App
    from bydawn.core.model import Job

# What only a plan can be told.
_OF_PLANS = (
    "parallel", "date", "only", "sets", "items", "budget_usd", "deadline", "raises",
    "retry_failed", "changed", "adopt", "dry_run", "report", "junit", "annotate", "events",
    "unattended", "stay",
)  # fmt: skip


def run(settings: Settings, talk: Talk, command: tuple[str, ...], options: dict[str, Any]) -> int:
    """Record the job; with --detach leave it to the background, else see it through."""
    _refuse_flags_of_plans(options)
    wanted = _wanted(settings, command, options)
    with opened(settings) as app:
        job = app.adhoc(wanted)
        if wanted.detach:
            _say(talk, app, job)
            return 0
        talk.tell(f"{job.job_id} {ways.address('adhoc', job.name, job.job_id)}")
        face = face_for(talk, "none")
        ran = app.run_jobs([job], face)
        (after,) = app.jobs_at(job.job_id)
        _say(talk, app, after)
        return ran.exit_code


def length_of(flag: str, text: str | None) -> int | None:
    """A length from a flag in milliseconds."""
    try:
        return None if text is None else parse_length(text)
    except LengthError as error:
        raise UsageError(f"{flag}: {error}", "for instance 45m or 7h30m") from error


def _wanted(settings: Settings, command: tuple[str, ...], options: dict[str, Any]) -> AdhocWanted:
    from bydawn.app import AdhocWanted

    if command and options["prompt"] is not None:
        raise UsageError("--task and a command do not go together", "leave one of them out")
    if not command and options["prompt"] is None:
        raise UsageError("there is no command after --", "write it there, or use --task")
    return AdhocWanted(
        argv=command,
        prompt=options["prompt"],
        backend=options["backend"],
        model=options["model"],
        key=options["key"],
        timeout_ms=length_of("--timeout", options["timeout"]),
        detach=options["detach"],
        cwd=Path(settings.directory).resolve(),
    )


def _refuse_flags_of_plans(options: dict[str, Any]) -> None:
    given = [name for name in _OF_PLANS if options[name]]
    if given:
        flag = {"sets": "set", "raises": "raise-cap"}.get(given[0], given[0].replace("_", "-"))
        raise UsageError(f"--{flag} is for plans, not for one command", "leave it out")


def _say(talk: Talk, app: App, job: Job) -> None:
    if talk.settings.json:
        talk.document(job_document(reading_of(app), job))
    else:
        batch = app.store.batch(job.batch)
        talk.say(job_line(batch.address, job))
