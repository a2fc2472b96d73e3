"""Names inside the local state folder, and the built-in backends by what they declare."""

from __future__ import annotations

STOP = "STOP"
RUNNERS = "runners"
BACKENDS = {"command": "outside", "python": "outside", "scripted": "outside"}
GUARANTEES = {"command": "local-claim", "python": "local-claim", "scripted": "keyed"}
