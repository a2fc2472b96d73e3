"""The work of items.toml and python_batch.py: one record in, one reshaped record out."""

from __future__ import annotations

import re
from typing import Any


def one(record: dict[str, Any]) -> dict[str, Any]:
    """A title in order, and how long a slow reader takes."""
    words = re.findall(r"\w+", record["text"])
    return {
        "path": f"/{record['site']}/{record['slug']}/",
        "title": record["title"].strip().capitalize(),
        "minutes": max(1, round(len(words) / 40)),
    }
