"""The command line: one file per verb, no logic."""

COMPLETING = "_BYDAWN_COMPLETE"
"""The variable by which a shell asks for completions."""
