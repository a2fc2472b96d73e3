"""Lengths imposed from outside, and when they are up.

The rules speak in lengths measured on a clock that counts sleep, never in wall-clock moments:
setting the wall clock neither ends a run nor lets it live on. The caller turns the stored deadline
into what is left of it once, when it takes the run in hand.
"""

from __future__ import annotations

_BACKSTOP_MS = 5_000
_CANCEL_PATIENCE_MS = 60_000
_LONG_MS = 1 << 40


def attempt_deadline(started_at: int, timeout_ms: int) -> int:
    """The moment an attempt must have ended by, for the store and for people."""
    return started_at + timeout_ms


def is_overdue(left_ms: int | None, grace_ms: int, local: bool) -> bool:
    """Whether the runner itself must step in. A local supervisor goes first, and gets its grace."""
    return left_ms is not None and left_ms + _allowance_ms(grace_ms, local) <= 0


def is_stalled(quiet_ms: int, stall_ms: int | None) -> bool:
    """Whether a run has shown no progress for longer than its stall limit."""
    return stall_ms is not None and quiet_ms >= stall_ms


def is_stalling(quiet_ms: int, stall_ms: int | None) -> bool:
    """Whether half the stall limit is gone: a person should see it before the run is ended."""
    return stall_ms is not None and quiet_ms >= _shown_from_ms(stall_ms)


def until_next_limit(
    left_ms: int | None, grace_ms: int, local: bool, quiet_ms: int, stall_ms: int | None
) -> int:
    """How long until a limit of a run could be up, so that no look is later than that."""
    lengths = [_LONG_MS]
    if left_ms is not None:
        lengths.append(left_ms + _allowance_ms(grace_ms, local))
    if stall_ms is not None:
        lengths.append(stall_ms - quiet_ms)
        if not is_stalling(quiet_ms, stall_ms):
            lengths.append(_shown_from_ms(stall_ms) - quiet_ms)
    return max(1, min(lengths))


def patience_over(asked_ms: int, grace_ms: int) -> bool:
    """Whether a run asked to end so long ago has had all the time it will get to confirm."""
    return asked_ms >= grace_ms + _CANCEL_PATIENCE_MS


def _shown_from_ms(stall_ms: int) -> int:
    return (stall_ms + 1) // 2


def _allowance_ms(grace_ms: int, local: bool) -> int:
    return grace_ms + _BACKSTOP_MS if local else 0
