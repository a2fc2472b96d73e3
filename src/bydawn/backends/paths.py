"""Where something stands in a JSON document: ``data.jobs.0.id``.

Parts are separated by dots. A part of digits (``-1`` is the last) picks from a list, any other one
from a table; what is not there is ``MISSING``, and so is everything below it.
"""

from __future__ import annotations

import re
from typing import Any

from bydawn.core.believing import is_number

MISSING: Any = object()
# Names are numbers here and there, but none has a hundred digits.
_NO_NAME = 10**100
_WHOLE = re.compile(r"\s*-?[0-9]{1,16}\s*")


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
    if isinstance(found, bool) or not isinstance(found, int | float):
        return ""
    return str(found) if isinstance(found, float) or abs(found) < _NO_NAME else ""


def whole_at(document: Any, path: str) -> int | None:
    """A whole number there, however it is written; None for one that nobody can mean."""
    found = at_path(document, path)
    if isinstance(found, str) and _WHOLE.fullmatch(found):
        found = int(found)
    return int(found) if is_number(found) and found == int(found) else None
