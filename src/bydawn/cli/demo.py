"""``bydawn demo``: a 12-job night on built-in fake agents."""

from __future__ import annotations

import shutil
import sys
import time
from pathlib import Path

import click

from bydawn.cli.settings import Settings
from bydawn.cli.talk import Talk
from bydawn.cli.verb import verb


@verb("bydawn demo", "bydawn demo --fast")
@click.option("--fast", is_flag=True, help="In a few seconds.")
def demo(settings: Settings, talk: Talk, fast: bool) -> int:
    """A 12-job night with a crash in the middle, on built-in fake agents; under a minute."""
    from bydawn.app.first_hour.demo import demo as play

    if settings.json:
        code = play(talk.tell, True, _at_once)
        talk.document({"schema": "bydawn/demo/1", "ok": code == 0})
        return code
    code = play(talk.say, fast, time.sleep if sys.stdout.isatty() else _at_once)
    talk.lead_on(f"{_program()} init nights writes a plan of your own that runs at once")
    return code


def _program() -> str:
    """What can be typed here: make leaves the program where PATH does not look."""
    name = "bydawn"
    typed = sys.argv[0]
    return typed if Path(typed).name == name and not shutil.which(name) else name


def _at_once(_: float) -> None:
    """Nobody reads along."""
