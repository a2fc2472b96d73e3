"""Lengths imposed from outside, and when they are up. Every rule takes ``now``."""

from __future__ import annotations

_BACKSTOP_MS = 5_000
_CANCEL_PATIENCE_MS = 60_000


def attempt_deadline(started_at: int, timeout_ms: int) -> int:
    """The moment an attempt must have ended by."""
    return started_at + timeout_ms


def is_overdue(now: int, deadline_at: int | None, grace_ms: int, local: bool) -> bool:
    """Whether the runner itself must step in. A local supervisor goes first, and gets its grace."""
    if deadline_at is None:
        return False
    return now >= deadline_at + (grace_ms + _BACKSTOP_MS if local else 0)


def is_stalled(now: int, progress_at: int | None, stall_ms: int | None) -> bool:
    """Whether a run has shown no progress for longer than its stall limit."""
    return stall_ms is not None and progress_at is not None and now - progress_at >= stall_ms


def until_next_limit(
    now: int,
    deadline_at: int | None,
    grace_ms: int,
    local: bool,
    progress_at: int | None,
    stall_ms: int | None,
) -> int:
    """How long until a limit of a run could be up, so that no look is later than that."""
    moments = [now + (1 << 40)]
    if deadline_at is not None:
        moments.append(deadline_at + (grace_ms + _BACKSTOP_MS if local else 0))
    if stall_ms is not None and progress_at is not None:
        moments.append(progress_at + stall_ms)
    return max(1, min(moments) - now)


def patience_over(now: int, asked_at: int, grace_ms: int) -> bool:
    """Whether a run asked to end has had all the time it will get before it is called unconfirmed."""
    return now - asked_at >= grace_ms + _CANCEL_PATIENCE_MS
