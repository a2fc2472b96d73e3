"""Where a workspace comes from, as a plan says it."""

from __future__ import annotations

import re

_ADDRESS = re.compile(r"(\w+://|[\w.-]+@[\w.-]+:)")


def is_address(source: str) -> bool:
    """Whether a repository is named by its address on a network and not by a folder."""
    return _ADDRESS.match(source) is not None
