"""One request and its reply over a line that stands: HTTP/1.1, as much of it as services need.

Every reply ends at a moment and at a size. What is framed in a way that could be read in two ways
is no answer at all. A general client spends several times as much on each request; there are
hundreds a second where a thousand runs are watched.
"""

from __future__ import annotations

import contextlib
import re
import socket
import time
import zlib
from collections.abc import Iterator, Mapping

from bydawn.core.values import value

_PIECE = 65_536
_MOST_HEAD = 65_536
_FINAL = 200
_BODILESS = (204, 304)
_HEAD_ENDS = re.compile(rb"\r?\n\r?\n")
_FIRST_LINE = re.compile(rb"HTTP/1\.([01]) ([1-9][0-9]{2})(?: [^\r\n]*)?")
_CHUNK = re.compile(rb"([0-9A-Fa-f]{1,15})[ \t]*(?:;.*)?")
_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,200}")
_TEXT = re.compile(r"[\t\x20-\x7e]*")
_WORD = re.compile(r"[\x21-\x7e]+")
_GZIP_OR_ZLIB = 47


class Unsendable(Exception):
    """A request that cannot be written down; nothing of it was sent."""


class Garbled(Exception):
    """What came back is no answer, or not a whole one."""


class TooLong(Garbled):
    """A reply beyond the size that is read. ``size`` is what it says of itself, else 0."""

    def __init__(self, size: int = 0) -> None:
        super().__init__("its answer is too large")
        self.size = size


@value
class Answer:
    """A reply, whole. Names of ``headers`` are in small letters; ``leaves_open``: another request
    may follow on the same line."""

    code: int
    headers: Mapping[str, str]
    body: bytes
    leaves_open: bool


def written(method: str, target: str, headers: Mapping[str, str], body: bytes | None) -> bytes:
    """A request as it goes out; Unsendable where a part would mean something else there."""
    if not _WORD.fullmatch(target):
        raise Unsendable("its address has a letter that no address can have")
    lines = [f"{method} {target} HTTP/1.1"]
    for name, text in headers.items():
        if not _NAME.fullmatch(name):
            raise Unsendable("the name of a header is not one")
        if not _TEXT.fullmatch(text):
            raise Unsendable(f'the header "{name}" is not one line of ASCII')
        lines.append(f"{name}: {text}")
    head = "\r\n".join([*lines, "", ""]).encode("ascii")
    return head + body if body else head


def exchanged(line: socket.socket, request: bytes, until: float, most: int) -> Answer:
    """Send one request and read its answer; Garbled or OSError where there is none."""
    return _sent(line, request, until, most).answer()


def led_through(line: socket.socket, request: bytes, until: float) -> None:
    """Ask a proxy for a way through; when this returns, the line leads on from there."""
    incoming = _sent(line, request, until, 0)
    _, code, _ = incoming.head()
    if not 200 <= code < 300 or incoming.bytes:
        raise ConnectionError(f"the proxy says HTTP {code}")


def _sent(line: socket.socket, request: bytes, until: float, most: int) -> _Incoming:
    line.settimeout(max(0.001, until - time.monotonic()))
    # A service may say no before it has read all; what it said is then still there.
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):
        line.sendall(request)
    return _Incoming(line, until, most)


class _Incoming:
    """The bytes of one reply as they come in."""

    def __init__(self, line: socket.socket, until: float, most: int) -> None:
        self._line, self._until, self._most = line, until, most
        self.bytes = bytearray()

    def answer(self) -> Answer:
        minor, code, headers = self.head()
        length = _length(code, headers)
        if length is None and "transfer-encoding" in headers:
            body = self._chunks()
        elif length is None:
            body = self._to_the_end()
        else:
            body = self._exactly(length)
        is_framed = length is not None or "transfer-encoding" in headers
        is_kept = "close" not in headers.get("connection", "").lower() and minor == b"1"
        leaves_open = is_framed and is_kept and not self.bytes
        return Answer(code, headers, _unpacked(body, headers, self._most), leaves_open)

    def head(self) -> tuple[bytes, int, dict[str, str]]:
        ends = _HEAD_ENDS.search(self.bytes)
        while not ends:
            if len(self.bytes) > _MOST_HEAD:
                raise Garbled("the head of its answer does not end")
            self._more()
            ends = _HEAD_ENDS.search(self.bytes)
        lines = self._taken(ends.end()).splitlines()[:-1]
        first = _FIRST_LINE.fullmatch(lines[0]) if lines else None
        if not first or int(first[2]) < _FINAL:
            raise Garbled("it does not speak HTTP/1.1, or says nothing final")
        return first[1], int(first[2]), _headers(lines[1:])

    def _exactly(self, length: int) -> bytes:
        if length > self._most:
            raise TooLong(length)
        while len(self.bytes) < length:
            self._more()
        return self._taken(length)

    def _to_the_end(self) -> bytes:
        with contextlib.suppress(_Closed):
            while len(self.bytes) <= self._most:
                self._more()
            raise TooLong
        return self._taken(len(self.bytes))

    def _chunks(self) -> bytes:
        return b"".join(self._each_chunk())

    def _each_chunk(self) -> Iterator[bytes]:
        have = 0
        while True:
            size = _CHUNK.fullmatch(self._text_line())
            if not size:
                raise Garbled("its answer comes in pieces without a size")
            length = int(size[1], 16)
            have += length
            if have > self._most:
                raise TooLong
            if not length:
                break
            yield self._exactly(length)
            if self._text_line():
                raise Garbled("a piece of its answer is longer than it says")
        while self._text_line():  # what is said after a body says nothing to us
            pass

    def _text_line(self) -> bytes:
        while (ends := self.bytes.find(b"\n")) < 0:
            if len(self.bytes) > _MOST_HEAD:
                raise Garbled("a line of its answer does not end")
            self._more()
        return self._taken(ends + 1).rstrip(b"\r\n")

    def _taken(self, count: int) -> bytes:
        taken = bytes(self.bytes[:count])
        del self.bytes[:count]
        return taken

    def _more(self) -> None:
        left = self._until - time.monotonic()
        if left <= 0:
            raise TimeoutError
        self._line.settimeout(left)
        piece = self._line.recv(_PIECE)
        if not piece:
            raise _Closed("it closed the connection before its answer was whole")
        self.bytes += piece


class _Closed(Garbled):
    """The other side has nothing more to say."""


def _headers(lines: list[bytes]) -> dict[str, str]:
    found: dict[str, str] = {}
    for line in lines:
        name, _, text = line.decode("latin-1").partition(":")
        if not _NAME.fullmatch(name):
            raise Garbled("a header of its answer is none")
        name, text = name.lower(), text.strip(" \t")
        found[name] = f"{found[name]}, {text}" if name in found else text
    return found


def _length(code: int, headers: Mapping[str, str]) -> int | None:
    """How long the body is; None where only reading it tells."""
    coding, length = headers.get("transfer-encoding"), headers.get("content-length")
    if coding is not None and (coding.lower() != "chunked" or length is not None):
        raise Garbled("how long its answer is can be read in two ways")
    if code in _BODILESS:
        return 0
    if length is None:
        return None
    if not re.fullmatch("[0-9]{1,15}", length):
        raise Garbled("the length of its answer is no number")
    return int(length)


def _unpacked(body: bytes, headers: Mapping[str, str], most: int) -> bytes:
    """As it was before it was packed, which nobody was asked to do."""
    packing = headers.get("content-encoding", "identity").lower()
    if packing in ("", "identity"):
        return body
    if packing not in ("gzip", "x-gzip", "deflate"):
        raise Garbled("its answer is packed in a way that was not asked for")
    try:
        whole = zlib.decompressobj(_GZIP_OR_ZLIB).decompress(body, most + 1)
    except zlib.error:
        raise Garbled("its answer is packed and cannot be unpacked") from None
    if len(whole) > most:
        raise TooLong
    return whole
