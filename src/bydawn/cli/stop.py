"""``bydawn stop``: start nothing anywhere, end everything."""

from __future__ import annotations

import click

from bydawn.cli.doing import say_done
from bydawn.cli.faces import face_for
from bydawn.cli.opening import opened
from bydawn.cli.settings import Settings
from bydawn.cli.talk import Talk
from bydawn.cli.verb import verb


@verb("bydawn stop", "bydawn stop --clear      # go on")
@click.option("--clear", is_flag=True, help="Lift it again.")
def stop(settings: Settings, talk: Talk, clear: bool) -> int:
    """Start nothing new and end all runs of this store. Holds until it is lifted with --clear."""
    with opened(settings) as app:
        place = str(app.state_folder)
        if clear:
            is_lifted = app.clear_stop()
            names = ([place], []) if is_lifted else ([], [place])
            say_done(talk, "lift the stop", *names)
            return 0
        app.stop(face_for(talk, "none"))
    say_done(talk, "stop", [place], [], "bydawn stop --clear lifts it")
    return 0
