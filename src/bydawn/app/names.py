"""Names inside the local state folder."""

from __future__ import annotations

STOP = "STOP"
RUNNERS = "runners"
RUNS = "runs"
