"""Sizes ("500MB") as people write them."""

from __future__ import annotations

import re

_UNITS = {"": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12}
_SIZE = re.compile(r"([0-9]{1,12})\s*([KMGT]?B|)")


class SizeError(ValueError):
    """The text is no size."""


def parse_size(text: str) -> int:
    """Bytes in ``text``: a whole number, with KB, MB, GB or TB."""
    found = _SIZE.fullmatch(text.strip().upper())
    if found is None:
        raise SizeError(f'"{text[:40]}" is no size')
    return int(found[1]) * _UNITS["" if found[2] == "B" else found[2]]
