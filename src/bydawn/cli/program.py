"""The program: finds a verb, loads only its module, and turns every ending into an exit code."""

from __future__ import annotations

import importlib
import os
from collections.abc import Callable, Sequence

import click

from bydawn.cli import COMPLETING, menu
from bydawn.cli.failing import failed
from bydawn.cli.settings import Settings, shared_options
from bydawn.core.errors import UsageError
from bydawn.version import __version__


class Program(click.Group):
    """All verbs, none of them loaded before it is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        del ctx
        return [entry.name for entry in menu.ENTRIES if entry.part != menu.HIDDEN]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        del ctx
        entry = menu.find(cmd_name)
        if entry is None:
            return None
        module = importlib.import_module(f"bydawn.cli.{entry.module}")
        command: click.Command = getattr(module, entry.name)
        command.short_help = entry.says
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if menu.find(args[0]) is None and not args[0].startswith("-"):
            known = self.list_commands(ctx)
            import difflib

            close = difflib.get_close_matches(args[0], known, n=1)
            hint = f'did you mean "{close[0]}"?' if close else "bydawn --help lists the verbs"
            raise UsageError(f"{args[0]}: no such verb, {hint}")
        return super().resolve_command(ctx, args)

    def format_help(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        del ctx
        formatter.write(menu.menu())


def program() -> Program:
    """The command tree."""
    made = Program(
        "bydawn",
        params=shared_options(),
        context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    )
    return click.version_option(__version__, message="bydawn %(version)s")(made)


def carry_out(argv: Sequence[str], dashboard: Callable[..., None] | None = None) -> int:
    """Run one command line; whatever happens becomes words on stderr and an exit code."""
    settings = Settings(dashboard=dashboard)
    if os.environ.get(COMPLETING):
        _know_shells()
    try:
        answer = program().main(
            list(argv), "bydawn", COMPLETING, standalone_mode=False, obj=settings
        )
    except BaseException as error:
        return failed(error, settings, argv)
    return answer if isinstance(answer, int) else 0


def _know_shells() -> None:
    from click.shell_completion import add_completion_class

    from bydawn.cli.bash import Bash

    add_completion_class(Bash)
