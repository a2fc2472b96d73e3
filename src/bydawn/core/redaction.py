"""Secrets are taken out by value, in every form in which they are usually written down.

What is found is covered with asterisks of the same length, so nothing that counts places in a file
is disturbed. Pure; loads nothing that a supervisor does not have anyway.
"""

from __future__ import annotations

import json
from binascii import b2a_base64, hexlify
from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import Any

SHORTEST = 6
_LONG_LINE = 12
_SMALL, _MANY = 2_048, 30
_WRAPS = (64, 76)
_COMMON = frozenset(
    (
        *("default", "development", "disabled", "enabled", "localhost", "production", "staging"),
        *("testing", "127.0.0.1", "0.0.0.0", "sandbox", "eu-west-1", "us-east-1"),
    )
)
_UNRESERVED = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-~")
_ENTITIES = (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;"), ('"', "&quot;"), ("'", "&#x27;"))


def is_hideable(value: str) -> bool:
    """Whether a value can be told from ordinary text: long enough, and no common word."""
    return len(value) >= SHORTEST and value.lower() not in _COMMON


class Redactor:
    """Covers the given values wherever they appear whole."""

    def __init__(self, values: Iterable[str]) -> None:
        found = {form for value in values if is_hideable(value) for form in forms_of(value)}
        self.forms = tuple(sorted(found, key=lambda form: (-len(form), form)))
        self._shortest = min(map(len, self.forms), default=1 << 62)
        self._heads = frozenset(form[:SHORTEST] for form in self.forms)

    def __bool__(self) -> bool:
        return bool(self.forms)

    def text(self, text: str) -> str:
        if len(text) < self._shortest:
            return text
        data = text.encode("utf-8", "surrogatepass")
        covered = self.data(data)
        return text if covered is data else covered.decode("utf-8", "replace")

    def data(self, data: bytes) -> bytes:
        """The same object where there is nothing to cover."""
        if len(data) < _SMALL and len(self.forms) > _MANY and not self._may_hold(data):
            return data
        spans = list(self.spans(data))
        return _covered(data, spans) if spans else data

    def value(self, value: Any) -> Any:
        """A JSON value with every text in it covered; names of fields too."""
        if not self.forms:
            return value
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, dict):
            return {self.value(name): self.value(part) for name, part in value.items()}
        if isinstance(value, list | tuple):
            return [self.value(part) for part in value]
        return value

    def _may_hold(self, data: bytes) -> bool:
        """A look at all beginnings at once; cheaper than many searches in little data."""
        places = range(len(data) - SHORTEST + 1)
        return not self._heads.isdisjoint([data[at : at + SHORTEST] for at in places])

    def spans(self, data: bytes) -> Iterator[tuple[int, int]]:
        """Where forms stand; they may overlap."""
        for form in self.forms:
            place = data.find(form)
            while place >= 0:
                yield place, place + len(form)
                place = data.find(form, place + 1)


class RedactedStream:
    """Data that comes in pieces. What may be the beginning of a secret waits for what follows."""

    def __init__(self, redactor: Redactor) -> None:
        self._redactor = redactor
        self._held = b""

    def feed(self, data: bytes) -> bytes:
        """All that can be let go of by now."""
        data = self._held + data if self._held else data
        spans = list(self._redactor.spans(data))
        end = _whole(self._open_from(data), spans)
        self._held = data[end:]
        spans = [span for span in spans if span[1] <= end]
        return _covered(data, spans)[:end] if spans else data[:end]

    def close(self) -> bytes:
        """What was held back; nothing follows any more."""
        data, self._held = self._held, b""
        return self._redactor.data(data)

    def _open_from(self, data: bytes) -> int:
        """Where the longest beginning of a form stands that reaches to the end."""
        first = len(data)
        for form in self._redactor.forms:
            place = data.find(form[:1], max(0, len(data) - len(form) + 1), first)
            while place >= 0:
                if form.startswith(data[place:]):
                    first = place
                    break
                place = data.find(form[:1], place + 1, first)
        return first


@lru_cache(maxsize=32)
def redactor_of(values: tuple[str, ...]) -> Redactor:
    """One for the same values again and again."""
    return Redactor(values)


def _whole(end: int, spans: list[tuple[int, int]]) -> int:
    """An end that cuts no span in two."""
    while cut := [start for start, stop in spans if start < end < stop]:
        end = min(cut)
    return end


def _covered(data: bytes, spans: Iterable[tuple[int, int]]) -> bytes:
    covered = bytearray(data)
    for start, stop in spans:
        covered[start:stop] = b"*" * (stop - start)
    return bytes(covered)


def forms_of(value: str) -> Iterator[bytes]:
    """A value in every way it is usually written down; some come twice."""
    raw = value.encode("utf-8", "surrogateescape")
    texts = {value, *_escaped(value)}
    forms = {text.encode("utf-8", "surrogateescape") for text in texts}
    forms |= {*_quoted(raw), hexlify(raw), hexlify(raw).upper(), *_base64(raw)}
    lines = [line.strip() for line in raw.splitlines()] if b"\n" in raw else []
    forms |= {line for line in lines if len(line) >= _LONG_LINE}
    yield from (form for form in forms if len(form) >= SHORTEST)


def _escaped(value: str) -> Iterator[str]:
    """As programs spell it inside of quotes, JSON in JSON, HTML or a shell's word."""
    for ascii_only in (True, False):
        inner = json.dumps(value, ensure_ascii=ascii_only)[1:-1]
        yield inner
        yield inner.replace("/", "\\/")
        yield json.dumps(inner, ensure_ascii=ascii_only)[1:-1]
    yield repr(value)[1:-1]
    html = value
    for letter, entity in _ENTITIES:
        html = html.replace(letter, entity)
    yield html
    yield html.replace("&#x27;", "&#39;")
    yield html.replace("&quot;", "&#34;").replace("&#x27;", "&#39;")
    yield value.replace("'", "'\"'\"'")
    yield value.replace("'", "'\\''")


def _quoted(raw: bytes) -> Iterator[bytes]:
    """As addresses spell it, with and without the slash and with either sign for a space."""
    for kept in (b"", b"/"):
        for space in (b"%20", b"+"):
            upper = b"".join(_percent(byte, kept, space) for byte in raw)
            yield upper
            yield b"".join(_percent(byte, kept, space).lower() if byte not in _UNRESERVED
                           else bytes((byte,)) for byte in raw)  # fmt: skip


def _percent(byte: int, kept: bytes, space: bytes) -> bytes:
    if byte == 0x20:
        return space
    return bytes((byte,)) if byte in _UNRESERVED or byte in kept else b"%%%02X" % byte


def _base64(raw: bytes) -> Iterator[bytes]:
    """Inside of a longer text the letters depend on where the secret begins: three ways."""
    for lead in range(3):
        encoded = b2a_base64(b"\0" * lead + raw, newline=False)
        whole = encoded[(lead * 8 + 5) // 6 : (lead + len(raw)) * 8 // 6]
        for form in (whole, whole.replace(b"+", b"-").replace(b"/", b"_")):
            yield form
            for width in _WRAPS if lead == 0 and len(form) > min(_WRAPS) else ():
                lines = [form[at : at + width] for at in range(0, len(form), width)]
                yield from (line for line in lines if len(line) >= _LONG_LINE)
