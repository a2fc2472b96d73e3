"""The command line: one file per verb, no logic."""

from __future__ import annotations

COMPLETING = "_BYDAWN_COMPLETE"
"""The variable by which a shell asks for completions."""
