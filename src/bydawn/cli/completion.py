"""``bydawn completion``: what a shell needs to complete verbs, batches and jobs."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

from bydawn.cli import COMPLETING
from bydawn.cli.bash import Bash
from bydawn.cli.settings import Settings
from bydawn.cli.talk import Talk
from bydawn.cli.verb import verb


@verb(
    "bydawn completion bash >> ~/.bashrc",
    "bydawn completion zsh  >> ~/.zshrc",
    "bydawn completion fish > ~/.config/fish/completions/bydawn.fish",
)
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion(settings: Settings, talk: Talk, shell: str) -> int:
    """Print the lines that make a shell complete verbs, flags, batches and jobs."""
    del settings
    found = Bash if shell == Bash.name else get_completion_class(shell)
    assert found is not None, "click knows the shells of the choice above"
    maker = found(click.get_current_context().find_root().command, {}, "bydawn", COMPLETING)
    talk.say_text(maker.source_template % maker.source_vars())
    return 0
