"""Every sentence of the dashboard."""

from __future__ import annotations

NAME = "bydawn"
PAGES = (
    ("/", "Tonight"),
    ("/batches", "Batches"),
    ("/parked", "Needs you"),
    ("/cost", "Cost"),
    ("/runners", "Runners"),
)
STALE = {
    "away": "The dashboard does not answer. This page shows how it was at",
    "key": "The dashboard was started anew and has a new key: open the link it has printed."
    " This page shows how it was at",
}
SKIP = "Skip to the page"
STOPPED = "Everything is stopped: nothing starts until the stop is lifted."
EMPTY = "No batches yet. bydawn run PLAN makes one."
NOTHING_SPENT = "Nothing was launched in that time."
NOTHING_NEEDED = "Nothing needs you."
NO_RUNNERS = "No runner is at work."
NO_LEASES = "No named lease is held."
NO_LOG = "It has printed nothing here."
LOG_LIVE = "The end of what it prints, as it comes."
LATE = "longer than usual"
NEVER_ENDED = "No attempt has ended yet."
BROKEN = "This page is broken. No run has noticed; the command line shows the same."
NOT_FOUND = "There is no such page, batch or job."
LOG_ELSEWHERE = "Only runs of this machine leave their output here."
LOG_CUT = "The end of what it printed; bydawn logs has all of it."

STATES = {
    "queued": ("·", "waiting"),
    "running": ("▶", "running"),
    "succeeded": ("✓", "succeeded"),
    "failed": ("✗", "failed"),
    "parked": ("!", "parked"),
    "cancelled": ("~", "cancelled"),
}
BATCH_STATES = {
    "running": "running",
    "paused": "paused",
    "finished": "finished",
    "interrupted": "no runner is at work on it: waiting",
}
ANSWERS = {
    "approve": "Approve: publish exactly this draft",
    "retry": "Retry",
    "succeeded": "It succeeded",
    "failed": "It failed",
}
DONE = {
    "cancel": "Cancelled, or about to be.",
    "retry": "It goes again with the next run.",
    "resolve": "Decided, and recorded with your reason.",
    "pause": "Paused: nothing new is started.",
    "unpause": "It goes on.",
    "stop": "Stopped: nothing starts, everything is ended.",
    "clear": "The stop is lifted.",
    "nothing": "There was nothing to do: it is over already.",
}


def deadline(at: str, left: str | None) -> str:
    return f"{at}, in {left}" if left else f"{at}, over"


def jobs(number: int) -> str:
    return "1 job" if number == 1 else f"{number:,} jobs"


def more(number: int) -> str:
    return f"{number:,} more"


def nights(number: int, well: int) -> str:
    return f"{well} of {number} all well"


def tally(counts: dict[str, int]) -> str:
    return ", ".join(f"{counts[name]:,} {word}" for name, (_, word) in STATES.items()
                     if counts.get(name))  # fmt: skip


def fate(counts: dict[str, int]) -> str:
    """The state that matters most in a batch that is over."""
    return next((name for name in _WORST if counts.get(name)), "succeeded")


_WORST = ("parked", "failed", "cancelled", "running", "queued")
