"""``bydawn background``: the runner that --detach leaves behind. Not for people."""

from __future__ import annotations

from bydawn.cli.opening import opened
from bydawn.cli.settings import Settings
from bydawn.cli.talk import Talk
from bydawn.cli.verb import verb


@verb()
def background(settings: Settings, talk: Talk) -> int:
    """Be the background runner of this store until everything is drained."""
    del talk
    with opened(settings) as app:
        return app.background()
