"""``bydawn sender``: the process that tells people, started by a run. Not for people."""

from __future__ import annotations

from bydawn.cli.opening import opened
from bydawn.cli.settings import Settings
from bydawn.cli.talk import Talk
from bydawn.cli.verb import verb


@verb()
def sender(settings: Settings, talk: Talk) -> int:
    """Tell people what they asked to be told, until nobody is left to be told."""
    from bydawn.app.sending.process import serve_sender

    del talk
    with opened(settings) as app:
        return serve_sender(app.place, app.invocation, app.existing_store())
