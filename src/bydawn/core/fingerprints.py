"""The same failure on different jobs looks the same: its code, and its message without what
varies."""

from __future__ import annotations

import re

_QUOTED = re.compile(r"'[^']*'|\"[^\"]*\"")
_VARYING = re.compile(r"\b[0-9a-f]{8,}\b|\d+", re.IGNORECASE)
_SPACES = re.compile(r"\s+")
_LONGEST = 120


def fingerprint(code: str, message: str) -> str:
    """One short text for one kind of failure."""
    plain = _QUOTED.sub("''", message)
    plain = _VARYING.sub("#", plain)
    return f"{code}: {_SPACES.sub(' ', plain).strip()}"[:_LONGEST]
