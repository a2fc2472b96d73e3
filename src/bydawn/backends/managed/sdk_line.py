"""The line to a vendor: one bounded HTTP client under its SDK, and replies as plain JSON.

Nothing here follows a redirect, repeats a request, or reads without end: a launch that was sent
twice may be two runs, and a call that never returns takes a thread of the runner with it.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from typing import Any

import httpx2

from bydawn.backends.managed.artifacts import MOST_IN_REPLY

_CONNECT_S = 10.0
_TOO_LATE_S = 0.2


class TooLate(Exception):
    """The moment by which it had to be sent is over; it was not sent."""


class Unreadable(Exception):
    """A reply that says nothing we could rely on; what it answered may have happened."""


def bounded_client(
    patience_s: float,
    left_s: Callable[[], float | None] = lambda: None,
    most_bytes: int = MOST_IN_REPLY,
) -> httpx2.Client:
    """A client whose every reply ends: after ``patience_s``, or beyond ``most_bytes``. ``left_s``
    says for each request within how long it must be on its way, or None."""

    def hasten(request: httpx2.Request) -> None:
        left = left_s()
        if left is None:
            return
        if left < _TOO_LATE_S:
            raise TooLate("its lease was about to end")
        lengths = request.extensions["timeout"]
        for part in ("connect", "pool"):
            lengths[part] = min(lengths.get(part) or left, left / 2)

    def bound(reply: httpx2.Response) -> None:
        assert isinstance(reply.stream, httpx2.SyncByteStream)
        reply.stream = _Bounded(reply.stream, reply.request, patience_s, most_bytes)

    # Without compression the bytes that arrive are the bytes that are kept.
    return httpx2.Client(
        timeout=httpx2.Timeout(patience_s, connect=min(_CONNECT_S, patience_s)),
        follow_redirects=False,
        headers={"accept-encoding": "identity"},
        event_hooks={"request": [hasten], "response": [bound]},
    )


class TurnedAway(Exception):
    """An answer that is neither yes nor an error to the SDK: a redirect."""

    def __init__(self, reply: Any) -> None:
        super().__init__(f"Error code: {reply.status_code}")
        self.status_code, self.response, self.body = reply.status_code, reply, None


class _Bounded(httpx2.SyncByteStream):
    """A body that is cut off by its size and by its time; a dripping one is no better than none."""

    def __init__(
        self, inner: httpx2.SyncByteStream, request: httpx2.Request, patience_s: float, most: int
    ) -> None:
        self._inner, self._request, self._most = inner, request, most
        self._until = time.monotonic() + patience_s

    def __iter__(self) -> Iterator[bytes]:
        size = 0
        for part in self._inner:
            size += len(part)
            if size > self._most:
                raise Unreadable(f"the reply is longer than {self._most >> 20} MB")
            if time.monotonic() > self._until:
                raise httpx2.ReadTimeout("the reply took too long", request=self._request)
            yield part

    def close(self) -> None:
        self._inner.close()


def table_of(reply: Any) -> dict[str, Any]:
    """The JSON object in a raw reply of an SDK; Unreadable where there is none."""
    data = accepted(reply)
    try:
        table = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise Unreadable(_seen(data)) from error
    if not isinstance(table, dict):
        raise Unreadable(_seen(data))
    return table


def accepted(reply: Any) -> bytes:
    """What a raw reply of an SDK holds; TurnedAway where it is no yes. Some calls give bytes only,
    and have looked at the code themselves."""
    if isinstance(reply, bytes):
        return reply
    if not 200 <= reply.http_response.status_code < 300:
        raise TurnedAway(reply.http_response)
    data: bytes = reply.http_response.content
    return data


def _seen(data: bytes) -> str:
    text = data[:200].decode("utf-8", "replace").strip()
    if text[:1] == "<":
        return "the reply is a web page, not the API's JSON: is base_url right, is a proxy between?"
    return f"the reply is not the JSON it should be: {text[:80]!r}"
