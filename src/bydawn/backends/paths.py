"""Where something stands in a JSON document: ``data.jobs.0.id``.

Parts are separated by dots. A part of digits (``-1`` is the last) picks from a list, any other one
from a table; what is not there is ``MISSING``, and so is everything below it.
"""

from __future__ import annotations

from typing import Any

MISSING: Any = object()


def at_path(document: Any, path: str) -> Any:
    """What stands there; ``""`` is the whole document."""
    found = document
    for part in path.split(".") if path else ():
        if isinstance(found, dict):
            found = found.get(part, MISSING)
        elif isinstance(found, list) and part.lstrip("-").isdigit():
            found = found[int(part)] if -len(found) <= int(part) < len(found) else MISSING
        else:
            return MISSING
    return found


def text_at(document: Any, path: str) -> str:
    """A text or a number there, as text; empty for everything else."""
    found = at_path(document, path)
    if isinstance(found, str):
        return found
    return str(found) if isinstance(found, int | float) and not isinstance(found, bool) else ""


def whole_at(document: Any, path: str) -> int | None:
    """A whole number there, however it is written."""
    found = at_path(document, path)
    if isinstance(found, str) and found.strip().lstrip("-").isdigit():
        return int(found)
    if isinstance(found, float) and found.is_integer():
        return int(found)
    return found if isinstance(found, int) and not isinstance(found, bool) else None
