"""HTTP for backends: one shared pool of a few connections, everything bounded, nothing retried.

Redirects are never followed, certificates are always verified, a reply is read up to a cap and a
deadline. As many connections as the runner has threads for calls are enough for any number of runs.
"""

from __future__ import annotations

import json
import ssl
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from bydawn.processes.outcomes import printable

if TYPE_CHECKING:
    import httpx2

CONNECTIONS = 16
MOST_BYTES = 8_000_000


class Unsent(Exception):
    """The call never reached the service: nothing can have come of it."""


class Untrusted(Unsent):
    """The other side could not prove who it is."""


class Impossible(Unsent):
    """No such call can be made: its address or a header is wrong."""


class Unanswered(Exception):
    """The call was sent, or may have been, and no answer of use came back."""


@dataclass(frozen=True, slots=True)
class Call:
    """One request, complete. ``body`` is JSON already; ``once`` keeps it off connections that were
    used before, which may be closing at this very moment."""

    method: str
    url: str
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | None = None
    once: bool = False

    @property
    def place(self) -> str:
        """Where it goes, without what an address may keep secret."""
        parts = urlsplit(self.url)
        host = parts.netloc.rpartition("@")[2]
        return f"{self.method} {parts.scheme}://{host}{parts.path}"


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer, whole. ``retry_after`` is the header as it came."""

    code: int
    body: bytes
    retry_after: str | None = None
    location: str = ""

    @property
    def is_good(self) -> bool:
        return 200 <= self.code < 300

    def document(self) -> Any:
        """The body as JSON; Unanswered where it is none."""
        try:
            return json.loads(self.body)
        except (ValueError, RecursionError):
            raise Unanswered(f"its answer is no JSON: {self.words or 'it is empty'}") from None

    @property
    def words(self) -> str:
        """The first of it, as one harmless line; a redirect says where it leads."""
        if self.location:
            parts = urlsplit(self.location)
            return printable(f"redirected to {parts.scheme}://{parts.netloc}{parts.path}")
        return printable(self.body[:400].decode("utf-8", "replace"))


class Wire:
    """The connections of one backend; safe to use from many threads."""

    def __init__(self, timeout_ms: int, most_bytes: int = MOST_BYTES) -> None:
        self._timeout_s = timeout_ms / 1000
        self._most_bytes = most_bytes
        self._kept: httpx2.Client | None = None
        self._fresh: httpx2.Client | None = None
        self._opening = threading.Lock()

    def send(self, call: Call, within_ms: int | None = None) -> Reply:
        """One attempt. ``within_ms``: it must be on its way by then, or it is not sent."""
        import httpx2

        client = self._client(once=call.once)
        patience = self._timeout_s
        setting_out = patience if within_ms is None else min(patience, within_ms / 2000)
        timeout = httpx2.Timeout(patience, connect=setting_out, pool=setting_out)
        try:
            request = client.build_request(
                call.method, call.url, headers=call.headers, content=call.body, timeout=timeout
            )
            return self._exchanged(client, request)
        except (httpx2.PoolTimeout, httpx2.ConnectTimeout):
            raise Unsent(f"{call.place}: no connection within {setting_out:g} s") from None
        except (httpx2.ConnectError, httpx2.ProxyError) as error:
            raise _unconnected(call, error) from None
        except (httpx2.UnsupportedProtocol, httpx2.LocalProtocolError, httpx2.InvalidURL) as error:
            raise Impossible(f"{call.method}: {printable(str(error))}") from None
        except UnicodeEncodeError:
            raise Impossible(f"{call.place}: a header is not ASCII") from None
        except httpx2.TimeoutException:
            raise Unanswered(f"{call.place}: no answer within {patience:g} s") from None
        except httpx2.HTTPError as error:
            words = printable(str(error)) or type(error).__name__
            raise Unanswered(f"{call.place}: {words}") from None

    def close(self) -> None:
        for client in (self._kept, self._fresh):
            if client is not None:
                client.close()

    def _exchanged(self, client: httpx2.Client, request: httpx2.Request) -> Reply:
        give_up_at = time.monotonic() + self._timeout_s
        answer = client.send(request, stream=True)
        try:
            body = b"".join(self._pieces(answer, give_up_at))
        finally:
            answer.close()
        headers = answer.headers
        location = headers.get("location", "") if answer.is_redirect else ""
        return Reply(answer.status_code, body, headers.get("retry-after"), location)

    def _pieces(self, answer: httpx2.Response, give_up_at: float) -> Iterator[bytes]:
        size = 0
        for piece in answer.iter_bytes():
            size += len(piece)
            if size > self._most_bytes:
                raise Unanswered(f"its answer is larger than {self._most_bytes} bytes")
            if time.monotonic() > give_up_at:
                raise Unanswered(f"its answer was not whole within {self._timeout_s:g} s")
            yield piece

    def _client(self, once: bool) -> httpx2.Client:
        with self._opening:
            if once:
                self._fresh = self._fresh or _client(kept=0)
                return self._fresh
            self._kept = self._kept or _client(kept=CONNECTIONS)
            return self._kept


def _client(kept: int) -> httpx2.Client:
    import httpx2

    limits = httpx2.Limits(max_connections=CONNECTIONS, max_keepalive_connections=kept)
    return httpx2.Client(limits=limits, follow_redirects=False)


def _unconnected(call: Call, error: Exception) -> Unsent:
    words = f"{call.place}: {printable(str(error))}"
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLError):
            return Untrusted(words)
        cause = cause.__cause__ or cause.__context__
    return Untrusted(words) if "certificate" in words.lower() else Unsent(words)
