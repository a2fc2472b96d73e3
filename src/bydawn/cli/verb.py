"""What all verbs share: the common options, help that starts with examples, an exit code."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

from bydawn.cli.settings import Settings, settings_of, shared_options
from bydawn.cli.talk import Talk

Action = Callable[..., int | None]


class Verb(click.Command):
    """One command. Its help shows how it is used before it explains."""

    def __init__(self, *args: Any, examples: tuple[str, ...] = (), **more: Any) -> None:
        super().__init__(*args, **more)
        self.examples = examples
        self.params.extend(shared_options())

    def format_help(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        if self.examples:
            formatter.write("Examples:\n")
            formatter.write("".join(f"  {example}\n" for example in self.examples) + "\n")
        self.format_usage(ctx, formatter)
        self.format_help_text(ctx, formatter)
        self.format_options(ctx, formatter)


class Family(click.Group):
    """Verbs under one name, such as ``jobs``."""

    def __init__(self, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        self.params.extend(shared_options())


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
