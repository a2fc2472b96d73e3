"""A breaker per batch and backend: the same failure on many different jobs stops new launches
there.

Opened, it lets one probe through after a while, at growing distances; one success closes it.
"""

from __future__ import annotations

_FIRST_PROBE_MS = 60_000
_LONGEST_MS = 900_000


def opens(different_jobs: int, threshold: int) -> bool:
    """Whether so many different jobs with one failure open it; a threshold of 0 never does."""
    return threshold > 0 and different_jobs >= threshold


def probe_delay_ms(probes: int) -> int:
    """How long until the next probe, after so many that failed: 1m, 2m, 4m … 15m."""
    return min(_LONGEST_MS, _FIRST_PROBE_MS << min(probes, 10))
