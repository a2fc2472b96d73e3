"""One request and one answer, whatever server stands between them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit


@dataclass(frozen=True, slots=True)
class Asked:
    method: str
    path: str
    query: Mapping[str, list[str]]
    headers: Mapping[str, str]
    body: Any = None

    @property
    def parts(self) -> tuple[str, ...]:
        """The path without the version of the API."""
        return tuple(unquote(part) for part in self.path.strip("/").split("/")[1:])

    def one(self, name: str, otherwise: str = "") -> str:
        """A value of the query."""
        return self.query.get(name, [otherwise])[0]


def asked(method: str, target: str, headers: Mapping[str, str], data: bytes) -> Asked:
    split = urlsplit(target)
    body = json.loads(data) if data else None
    lower = {name.lower(): value for name, value in headers.items()}
    return Asked(method, split.path, parse_qs(split.query), lower, body)


@dataclass(frozen=True, slots=True)
class Answer:
    """``data`` is sent as it is; anything else as JSON."""

    code: int = 200
    data: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def encoded(self) -> bytes:
        return self.data if isinstance(self.data, bytes) else json.dumps(self.data).encode()


def page(items: list[Any], start: int, size: int) -> tuple[list[Any], int | None]:
    """A page of a listing, and where the next one begins."""
    end = start + size
    return items[start:end], end if end < len(items) else None
