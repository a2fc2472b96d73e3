"""How long to wait: before a retry, and between two looks at a run."""

from __future__ import annotations

_SPREAD = 0.2
_SLACK = 32
_ALWAYS_ALLOWED = 10


def retry_delay_ms(initial_ms: int, max_ms: int, faults: int, chance: float) -> int:
    """Exponential with full jitter; ``faults`` counts from 1, ``chance`` is in [0, 1)."""
    exponent = min(max(faults, 1) - 1, 40)
    ceiling = min(max_ms, initial_ms * (1 << exponent))
    return max(1, int(ceiling * chance))


def poll_delay_ms(initial_ms: int, max_ms: int, looks: int, chance: float) -> int:
    """Exponential, bounded, and spread a little so that a thousand runs do not march in step.
    What ``poll_slack_ms`` allows on top is still within the bound."""
    ceiling = min(max_ms, initial_ms * (1 << min(looks, 30)))
    latest = ceiling * (1 - 1 / _SLACK)
    return max(1, int(latest - (latest - ceiling * (1 - _SPREAD)) * chance))


def poll_slack_ms(delay_ms: int) -> int:
    """How much later a look may come, so that those due at nearly the same time go together."""
    return delay_ms // _SLACK


def retries_allowed(per_job: float, jobs: int) -> int:
    """How many retries a batch may spend in all; a small batch always has a few."""
    return max(_ALWAYS_ALLOWED, int(per_job * jobs))
