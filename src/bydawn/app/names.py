"""Names inside the local state folder, and the built-in backends by what they declare."""

from __future__ import annotations

STOP = "STOP"
RUNNERS = "runners"
RUNS = "runs"
BACKENDS = {"command": "outside", "python": "outside", "scripted": "outside"}
# Backends that end a run at its own bound by themselves; so far none does.
CAPPED_BY_BACKEND: frozenset[str] = frozenset()
GUARANTEES = {"command": "local-claim", "python": "local-claim", "scripted": "keyed"}
