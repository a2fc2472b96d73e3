"""``bydawn unpause``: go on with a paused batch."""

from __future__ import annotations

from bydawn.cli.addressing import batch_argument
from bydawn.cli.doing import say_done
from bydawn.cli.opening import opened
from bydawn.cli.settings import Settings
from bydawn.cli.talk import Talk
from bydawn.cli.verb import verb


@verb("bydawn unpause nightly")
@batch_argument(required=True)
def unpause(settings: Settings, talk: Talk, batch: str) -> int:
    """Go on with a paused batch."""
    with opened(settings) as app:
        found = app.batch_at(batch)
        is_changed = app.store.pause(found.number, False)
    names = [found.address]
    say_done(
        talk, "unpause", names if is_changed else [], [] if is_changed else names,
        f"bydawn wait {batch} sees it through",
    )  # fmt: skip
    return 0
