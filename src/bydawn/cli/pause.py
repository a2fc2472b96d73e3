"""``bydawn pause``: start nothing new in a batch."""

from __future__ import annotations

from bydawn.cli.addressing import batch_argument
from bydawn.cli.doing import say_done
from bydawn.cli.opening import opened
from bydawn.cli.settings import Settings
from bydawn.cli.talk import Talk
from bydawn.cli.verb import verb


@verb("bydawn pause nightly")
@batch_argument(required=True)
def pause(settings: Settings, talk: Talk, batch: str) -> int:
    """Start nothing new in a batch. What runs goes on; a paused batch is never joined."""
    with opened(settings) as app:
        found = app.batch_at(batch)
        is_changed = app.store.pause(found.number, True)
    names = [found.address]
    say_done(
        talk, "pause", names if is_changed else [], [] if is_changed else names,
        f"bydawn unpause {batch} goes on",
    )  # fmt: skip
    return 0
