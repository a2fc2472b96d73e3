"""``bydawn notify``: whether people can be reached."""

from __future__ import annotations

from pathlib import Path

import click

from bydawn.cli.opening import opened
from bydawn.cli.settings import Settings
from bydawn.cli.talk import Talk
from bydawn.cli.verb import Family, verb
from bydawn.core.alarms import KINDS
from bydawn.watch.sanitise import inert
from bydawn.watch.telling import table

_UNREACHED = 69


@click.group(cls=Family)
def notify() -> None:
    """Whether people can be reached."""


@verb("bydawn notify test nightly.toml", "bydawn notify test nightly.toml --event parked")
@click.argument("plan", type=click.Path(path_type=Path), required=False)
@click.option("--event", "kinds", multiple=True, type=click.Choice(KINDS), help="Of this kind.")
def test(settings: Settings, talk: Talk, plan: Path | None, kinds: tuple[str, ...]) -> int:
    """Send a message to every address of a plan. Exit 69 when one cannot be reached."""
    from bydawn.app.sending.notifying import try_all

    with opened(settings, plan) as app:
        tried = list(try_all(app, plan, kinds))
    document = {
        "schema": "bydawn/notify-test/1",
        "sent": [
            {"target": one.target, "kind": one.kind, "error": one.why or None} for one in tried
        ],
    }
    talk.answer(document, table((one.target, one.kind, inert(one.why) or "sent") for one in tried))
    return _UNREACHED if any(one.why for one in tried) else 0


notify.add_command(test)
