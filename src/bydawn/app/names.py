"""Names inside the local state folder."""

from __future__ import annotations

STOP = "STOP"
RUNNERS = "runners"
RUNS = "runs"
SENDER = "sender"
# Asked for in the environment, because they are about a machine and not about a plan.
TRACES, METRICS_FILE = "BYDAWN_OTEL", "BYDAWN_METRICS_FILE"
