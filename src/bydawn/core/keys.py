"""What makes a job the same job: keys from natural fields, and the keys derived from them.

No clock, attempt, host, path or random value can enter: only what the caller names.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from functools import lru_cache
from hashlib import sha256
from json.encoder import encode_basestring_ascii
from typing import TYPE_CHECKING, Any
from unicodedata import normalize

if TYPE_CHECKING:
    from hashlib import _Hash

_DOMAIN = "bydawn/key/1"
_EXACT_FLOAT = 2.0**53

_encode = json.JSONEncoder(
    ensure_ascii=True, allow_nan=False, sort_keys=True, separators=(",", ":")
).encode


def canonical(value: Any) -> str:
    """One text for each JSON value: NFC, sorted keys, whole floats as integers. ValueError if none.

    ``1``, ``"1"`` and ``true`` differ; ``1`` and ``1.0`` do not.
    """
    return _encode(_normal(value))


def digest(value: Any) -> str:
    """sha256, in hex, of the canonical form of a JSON value."""
    return sha256(canonical(value).encode("ascii")).hexdigest()


def job_key(plan: str, edition: str, job_id: str, fields: Sequence[Any]) -> str:
    """The identity of one job, 64 hex digits, from its plan, edition, id and natural fields."""
    whole = _head(plan, edition, job_id).copy()
    whole.update("".join(map(_framed, fields)).encode("ascii"))
    return whole.hexdigest()


@lru_cache(maxsize=64)
def _head(plan: str, edition: str, job_id: str) -> _Hash:
    """What the keys of one job's items share."""
    framed = map(_framed, (_DOMAIN, plan, edition, job_id))
    return sha256("".join(framed).encode("ascii"))


def launch_key(key: str, revision: int, generation: int) -> str:
    """The name of one launch: at most 63 of ``[a-z0-9-]``, a letter first."""
    return f"bd-{key[:40]}-{revision}-{generation}"


def effect_key(key: str, revision: int) -> str:
    """The name of a job's effect on the world; automatic generations keep it."""
    return f"{key}-{revision}"


def _framed(part: Any) -> str:
    if isinstance(part, str) and part.isascii():
        text = encode_basestring_ascii(part)
    else:
        text = canonical(part)
    return f"{len(text)}:{text}"


def _normal(value: Any) -> Any:
    if isinstance(value, str):
        return value if value.isascii() else normalize("NFC", value)
    if isinstance(value, float):
        return int(value) if value.is_integer() and abs(value) <= _EXACT_FLOAT else value
    if isinstance(value, dict):
        return _normal_table(value)
    if isinstance(value, list | tuple):
        return [_normal(element) for element in value]
    return value


def _normal_table(table: dict[Any, Any]) -> dict[str, Any]:
    normal = {}
    for name, value in table.items():
        if not isinstance(name, str):
            raise ValueError(f"a table has the key {name!r}, which is no text")
        normal[_normal(name)] = _normal(value)
    if len(normal) != len(table):
        raise ValueError("two keys of a table are the same text in another Unicode form")
    return normal


_LOOKS: tuple[tuple[str, re.Pattern[str]], ...] = (
    (
        "a UUID",
        re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", re.I),
    ),
    ("a random hexadecimal number", re.compile(r"(?<![0-9a-z])(?:0x)?[0-9a-f]{32,}", re.I)),
    ("a ULID", re.compile(r"\b[0-7][0-9A-HJKMNP-TV-Z]{25}\b", re.I)),
    ("a moment", re.compile(r"\d{4}-?\d\d-?\d\d[T _]\d\d:?\d\d")),
    ("a moment", re.compile(r"\b(?:1[4-9]|2[01])\d{8}(?:\.\d+|\d{3}|\d{6}|\d{9})?\b")),
)
_INVISIBLE = re.compile("[\\s\u200b-\u200f\u2060\ufeff]\\Z|\\A\\s|[\u200b-\u200f\u2060\ufeff]")
_SHORTEST_LOOK = 10


def suspicious(value: Any) -> str | None:
    """What a key field looks like when it looks random or time-stamped; None for a natural one."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    text = value if isinstance(value, str) else repr(value)
    if len(text) >= _SHORTEST_LOOK:
        for look, pattern in _LOOKS:
            if pattern.search(text):
                return look
    return "text with invisible edges" if _INVISIBLE.search(text) else None
