"""``bydawn backends``: where jobs can run, what each promises, and whether it could start now."""

from __future__ import annotations

import dataclasses
import os

from bydawn.cli.settings import Settings
from bydawn.cli.talk import Talk
from bydawn.cli.verb import verb
from bydawn.watch.telling import table


@verb("bydawn backends", "bydawn backends --json")
def backends(settings: Settings, talk: Talk) -> int:
    """Every type of backend, built in or of another package, ready or not and why."""
    from bydawn.app.beforehand.readying import standings

    found = list(standings(os.environ, settings.directory / ".bydawn"))
    documents = [{**dataclasses.asdict(one), "ready": not one.why_not} for one in found]
    head = ("BACKEND", "READY", "GUARANTEE", "EFFECTS", "VERSION", "FROM", "")
    rows = [
        (one.name, "no" if one.why_not else "yes", one.guarantee, one.effects, one.version,
         one.origin, one.why_not)
        for one in found
    ]  # fmt: skip
    talk.answer({"schema": "bydawn/backends/1", "backends": documents}, table([head, *rows]))
    return 0
