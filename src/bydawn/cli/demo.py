"""``bydawn demo``: a 12-job night on built-in fake agents."""

from __future__ import annotations

import click

from bydawn.cli.opening import opened
from bydawn.cli.settings import Settings
from bydawn.cli.talk import Talk
from bydawn.cli.verb import verb


@verb("bydawn demo", "bydawn demo --fast")
@click.option("--fast", is_flag=True, help="In a few seconds.")
def demo(settings: Settings, talk: Talk, fast: bool) -> int:
    """A 12-job night with a crash in the middle, on built-in fake agents; under a minute."""
    with opened(settings) as app:
        return app.demo(talk.say, fast)
