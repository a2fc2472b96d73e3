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
SKIP = "Skip to the page"
STOPPED = "Everything is stopped: nothing starts until the stop is lifted."
EMPTY = "No batches yet. bydawn run PLAN makes one."
NOTHING_SPENT = "Nothing was launched in that time."
NOTHING_NEEDED = "Nothing needs you."
NO_RUNNERS = "No runner is at work."
NO_LEASES = "No named lease is held."
NO_LOG = "It has printed nothing here."
BROKEN = "This page is broken. No run has noticed; the command line shows the same."
NOT_FOUND = "There is no such page, batch or job."
READ_ONLY = "This dashboard only shows."
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
    "interrupted": "interrupted: no runner is at work on it",
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


def jobs(number: int) -> str:
    return "1 job" if number == 1 else f"{number:,} jobs"


def more(number: int) -> str:
    return f"{number:,} more"
