"""What all verbs share: the common options, help that starts with examples, an exit code."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import click

from bydawn.cli.codes import code_lines
from bydawn.cli.settings import Settings, settings_of, shared_options
from bydawn.cli.talk import Talk

Action = Callable[..., int | None]
_SHARED = frozenset(str(option.name) for option in shared_options())
_ANYWHERE = "-C DIR, --store URL, --json, -q, -v, --color WHEN, --no-input; see bydawn --help"


def write_examples(formatter: click.HelpFormatter, examples: Iterable[str]) -> None:
    """How it is used, before anything is explained."""
    lines = [f"  {example}\n" for example in examples]
    if lines:
        formatter.write("".join(["Examples:\n", *lines, "\n"]))


def write_options(
    command: click.Command, ctx: click.Context, formatter: click.HelpFormatter
) -> None:
    """Its own options one by one; those of every verb in a line."""
    options = [one for one in command.get_params(ctx) if isinstance(one, click.Option)]
    own = [one for one in options if one.name not in _SHARED]
    records = [record for one in own if (record := one.get_help_record(ctx))]
    with formatter.section("Options"):
        formatter.write_dl(records)
    with formatter.section("Anywhere"):
        formatter.write_text(_ANYWHERE)


class Verb(click.Command):
    """One command. Its help shows how it is used before it explains."""

    def __init__(self, *args: Any, examples: tuple[str, ...] = (), **more: Any) -> None:
        super().__init__(*args, **more)
        self.examples = examples
        self.params.extend(shared_options())

    def format_help(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        write_examples(formatter, self.examples)
        self.format_usage(ctx, formatter)
        self.format_help_text(ctx, formatter)
        write_options(self, ctx, formatter)
        self.format_epilog(ctx, formatter)


class Joining(Verb):
    """A verb whose exit code says how a batch ended; its help lists them all."""

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        del ctx
        formatter.write("\nExit codes:\n")
        formatter.write("".join(f"{line}\n" for line in code_lines()))


class Family(click.Group):
    """Verbs under one name, such as ``jobs``."""

    def __init__(self, *args: Any, examples: tuple[str, ...] = (), **more: Any) -> None:
        super().__init__(*args, **more)
        self.own_examples = examples
        self.params.extend(shared_options())

    @property
    def examples(self) -> tuple[str, ...]:
        """Its own, and the first of each of its verbs."""
        found = (getattr(one, "examples", ()) for one in self.commands.values())
        return (*self.own_examples, *(each[0] for each in found if each))

    def format_help(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        write_examples(formatter, self.examples)
        self.format_usage(ctx, formatter)
        self.format_help_text(ctx, formatter)
        self.format_commands(ctx, formatter)
        write_options(self, ctx, formatter)


def verb(
    *examples: str, name: str | None = None, cls: type[Verb] = Verb
) -> Callable[[Action], Verb]:
    """Make a function ``(settings, talk, **options) -> exit code`` a command."""

    def made(action: Action) -> Verb:
        def call(**options: Any) -> int:
            settings: Settings = settings_of(click.get_current_context())
            return action(settings, Talk(settings), **options) or 0

        parameters = getattr(action, "__click_params__", [])
        return cls(
            name or action.__name__,
            callback=call,
            params=list(reversed(parameters)),
            help=action.__doc__,
            examples=examples,
        )

    return made
