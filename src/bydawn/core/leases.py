"""Who may move a job, and until when.

A lease is counted by the store's one clock. Its holder distrusts itself first: it counts from
*before* it asked and leaves a margin, so it stops believing before anybody else may start. Order
among holders is by token only, never by time.
"""

from __future__ import annotations

_MARGIN_SHARE = 5
_RENEW_SHARE = 3


def margin_ms(lease_ms: int) -> int:
    """How much earlier than the store a holder stops trusting its lease."""
    return max(1, lease_ms // _MARGIN_SHARE)


def trusted_until(asked_at: int, lease_ms: int) -> int:
    """The last moment a holder may act on a lease it asked for at ``asked_at`` (its own clock)."""
    return asked_at + lease_ms - margin_ms(lease_ms)


def renew_at(asked_at: int, lease_ms: int) -> int:
    """When to ask again: early enough for two tries before trust ends."""
    return asked_at + lease_ms // _RENEW_SHARE


def has_lapsed(lease_until: int, boot: str, now: int, current_boot: str) -> bool:
    """Whether a lease is over by the store's clock; another boot ends every local lease."""
    return boot != current_boot or now >= lease_until


def may_act(now: int, trusted: int) -> bool:
    """Whether a holder may still start an action."""
    return now < trusted
