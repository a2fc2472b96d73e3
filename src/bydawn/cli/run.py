"""``bydawn run``: a plan, or one command."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bydawn.cli import adhoc, check
from bydawn.cli.ending import Files, say_ended, write_files
from bydawn.cli.eventsfile import EventsFile
from bydawn.cli.faces import FORMS, face_for
from bydawn.cli.noting import Noting
from bydawn.cli.opening import opened, reading_of
from bydawn.cli.overriding import overrides_from, overriding_options, take_overriding
from bydawn.cli.settings import Settings
from bydawn.cli.stay import stay
from bydawn.cli.steering import hands_of_run
from bydawn.cli.talk import Talk
from bydawn.cli.verb import Joining, verb
from bydawn.core.errors import UsageError

if TYPE_CHECKING:
    from bydawn.app import App, Ran

_FILE = click.Path(dir_okay=False, path_type=Path)
_COMMAND = "command"


class Run(Joining):
    """Everything after ``--`` is the command to run, untouched."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if "--" in args:
            cut = args.index("--")
            ctx.meta[_COMMAND] = tuple(args[cut + 1 :])
            args = args[:cut]
        return super().parse_args(ctx, args)


@verb(
    "bydawn run nightly.toml                     # the same command again goes on",
    "bydawn run nightly.toml -j 4 --only 'article-*' --budget-usd 5",
    "bydawn run nightly.toml --retry-failed --unattended",
    "bydawn run nightly.toml weekly.toml --stay --own 4     # lend this machine to them",
    "bydawn run ci.toml --progress plain --junit junit.xml --annotate",
    "bydawn run -- python3 tools/audit.py        # one command, until it is over",
    "bydawn run --detach --json --key audit-42 -- ./audit.sh 42",
    cls=Run,
)
@click.argument("plans", metavar="[PLAN]", nargs=-1, type=click.Path(path_type=Path))
@overriding_options
@click.option("--retry-failed", is_flag=True, help="Start failed and cancelled jobs again.")
@click.option("--changed", is_flag=True, help="Do finished jobs again that the plan changed.")
@click.option("--adopt", is_flag=True, help="The plan's folder has moved: go on from here.")
@click.option(
    "--on-interrupt",
    type=click.Choice(["leave", "cancel"]),
    default="leave",
    help="What Ctrl-C does with what runs.",
)
@click.option("--unattended", is_flag=True, help="Say nothing when all is well.")
@click.option("--detach", is_flag=True, help="Leave it to a background runner.")
@click.option("--dry-run", is_flag=True, help="The same as check.")
@click.option("--progress", type=click.Choice(FORMS), default="auto", help="What to show.")
@click.option("--report", type=_FILE, help="Write a report; its suffix says which form.")
@click.option("--junit", type=_FILE, help="Write a JUnit file.")
@click.option("--annotate", is_flag=True, help="Annotations for GitHub Actions, on stderr.")
@click.option("--events", type=_FILE, help="Write events as JSON lines, as they happen.")
@click.option("--stay", is_flag=True, help="Lend this machine to the plans until stopped.")
@click.option(
    "--own", type=click.IntRange(1), metavar="N", help="With --stay: so many at once here."
)
@click.option("--task", "prompt", metavar="PROMPT", help="One job: give an agent this prompt.")
@click.option("--backend", default="command", metavar="NAME", help="One job: where it runs.")
@click.option("--model", metavar="NAME", help="One job: which model.")
@click.option("--key", metavar="KEY", help="One job: its identity; the same key is the same job.")
@click.option("--timeout", metavar="LENGTH", help="One job: its time limit.")
def run(settings: Settings, talk: Talk, plans: tuple[Path, ...], **options: Any) -> int:
    """Run a plan until it is joined, or one command given after --.

    Running the same plan again is the way to go on: what is done stays done, what runs is joined,
    the rest is started.
    """
    _refuse_unbuilt(plans, options)
    command = click.get_current_context().meta.get(_COMMAND)
    if command is not None or options["prompt"] is not None:
        _refuse_both(plans)
        return adhoc.run(settings, talk, command or (), options)
    if not plans:
        raise UsageError("run what?", "name a plan, or write a command after --")
    if options["stay"]:
        return stay(settings, talk, plans, options)
    act = _check_plan if options["dry_run"] else _run_plan
    if not options["annotate"]:
        return act(settings, talk, plans[0], options)
    from bydawn.cli.annotating import complaints_annotated

    with complaints_annotated(talk):
        return act(settings, talk, plans[0], options)


def _check_plan(settings: Settings, talk: Talk, plan: Path, options: dict[str, Any]) -> int:
    overrides = overrides_from(take_overriding(options), settings.directory)
    return check.show(settings, talk, plan, overrides)


def run_unattended(settings: Settings, talk: Talk, plan: Path, edition: str | None) -> int:
    """Run a plan as ``--unattended`` does, at an edition; what a schedule does."""
    named = ["--date", edition] if edition else []
    typed = run.make_context("run", ["--unattended", *named, str(plan)], obj=settings)
    return _run_plan(settings, talk, plan, typed.params)


def _refuse_unbuilt(plans: tuple[Path, ...], options: dict[str, Any]) -> None:
    if options["annotate"] and options["detach"]:
        raise UsageError(
            "--annotate waits for the end, --detach does not",
            "bydawn report --format github annotates afterwards",
        )
    if options["own"] and not options["stay"]:
        raise UsageError("--own goes with --stay", "a run takes what -j lets it")
    if len(plans) > 1 and not options["stay"]:
        names = " ".join(map(str, plans[1:]))
        raise UsageError(
            f"{names}: one plan at a time", "run them one by one; a command goes after --"
        )


def _refuse_both(plans: tuple[Path, ...]) -> None:
    if plans:
        raise UsageError(
            f"{plans[0]}: a plan and a command do not go together", "leave one of them out"
        )


def _run_plan(settings: Settings, talk: Talk, plan: Path, options: dict[str, Any]) -> int:
    from bydawn.app import RunWanted

    files = Files(*(_within(settings, options[name]) for name in ("report", "junit", "events")))
    files.check()
    unattended = options["unattended"]
    wanted = RunWanted(
        overrides=overrides_from(take_overriding(options), settings.directory),
        retry_failed=options["retry_failed"],
        changed=options["changed"],
        detach=options["detach"],
        adopt=options["adopt"],
        cancel_on_interrupt=options["on_interrupt"] == "cancel",
        unattended=unattended,
    )
    form = "none" if unattended else options["progress"]
    with opened(settings, plan) as app:
        shown = face_for(talk, form, hands=hands_of_run(app))
        written = EventsFile(shown, files.events) if files.events else None
        face = Noting(written or shown, settings.json)
        try:
            ran = app.run(plan, wanted, face)
        finally:
            face.close()
        files.trouble = written.trouble if written else None
        for note in ran.notes:
            face.note(note)
        say_ended(talk, app, ran, face.before, unattended)
        if options["annotate"]:
            _annotate(talk, app, ran)
        return write_files(talk, app, ran, files)


def _annotate(talk: Talk, app: App, ran: Ran) -> None:
    from bydawn.cli.annotating import batch_annotations

    if ran.batch:
        talk.annotate(batch_annotations(app, reading_of(app), ran.batch), sys.stderr)


def _within(settings: Settings, path: Path | None) -> Path | None:
    """A path as it was typed in the folder of -C."""
    return settings.directory / path if path else None
