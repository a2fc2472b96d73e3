"""HTTP for backends: one pool of a few connections, everything bounded, nothing retried.

Redirects are never followed, certificates are always verified, a reply is read up to a cap and a
deadline. As many connections as the runner has threads for calls are enough for any number of runs.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import field
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from bydawn.core.values import value
from bydawn.processes.outcomes import printable

if TYPE_CHECKING:
    from bydawn.backends.exchange import Answer
    from bydawn.backends.lines import Address, Line

CONNECTIONS = 16
MOST_BYTES = 8_000_000
_REDIRECTS = (301, 302, 303, 307, 308)


class Unsent(Exception):
    """The call never reached the service: nothing can have come of it."""


class Untrusted(Unsent):
    """The other side could not prove who it is."""


class Impossible(Unsent):
    """No such call can be made: its address or a header is wrong."""


class Unanswered(Exception):
    """The call was sent, or may have been, and no answer of use came back."""


class Oversized(Unanswered):
    """An answer came back and is too large to be read; asking again brings the same. ``size`` is
    what it says of itself, else 0."""

    def __init__(self, words: str, size: int) -> None:
        super().__init__(words)
        self.size = size


@value
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


@value
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
        from bydawn.backends.lines import Lines  # with TLS behind it, and few runs need it

        self._timeout_s = timeout_ms / 1000
        self._most_bytes = most_bytes
        self._lines = Lines(CONNECTIONS)

    def send(self, call: Call, within_ms: int | None = None) -> Reply:
        """One attempt. ``within_ms``: it must be on its way by then, or it is not sent."""
        line, address = self._set_out(call, within_ms)
        leaves_open = False
        try:
            answer = self._exchanged(line, call, address)
            leaves_open = answer.leaves_open
        finally:
            self._lines.give_back(line, leaves_open)
        location = answer.headers.get("location", "") if answer.code in _REDIRECTS else ""
        return Reply(answer.code, answer.body, answer.headers.get("retry-after"), location)

    def close(self) -> None:
        self._lines.close()

    def _set_out(self, call: Call, within_ms: int | None) -> tuple[Line, Address]:
        """Get a line in time; whatever fails here was never sent."""
        from ssl import SSLError

        from bydawn.backends.lines import Address

        patience = self._timeout_s
        setting_out = patience if within_ms is None else min(patience, within_ms / 2000)
        try:
            address = Address.of(call.url)
            return self._lines.taken(address.origin, setting_out, fresh=call.once), address
        except TimeoutError:
            raise Unsent(f"{call.place}: no connection within {setting_out:g} s") from None
        except SSLError as error:
            raise Untrusted(f"{call.place}: {printable(str(error))}") from None
        except OSError as error:
            raise Unsent(f"{call.place}: {printable(str(error))}") from None
        except ValueError as error:
            raise Impossible(f"{call.method}: {printable(str(error))}") from None

    def _exchanged(self, line: Line, call: Call, address: Address) -> Answer:
        from bydawn.backends.exchange import Garbled, TooLong, Unsendable

        until, most = time.monotonic() + self._timeout_s, self._most_bytes
        try:
            return line.exchange(call.method, address, call.headers, call.body, until, most)
        except Unsendable as error:
            raise Impossible(f"{call.place}: {error}") from None
        except TooLong as error:
            raise Oversized(f"its answer is larger than {most} bytes", error.size) from None
        except TimeoutError:
            waited = f"no whole answer within {self._timeout_s:g} s"
            raise Unanswered(f"{call.place}: {waited}") from None
        except (OSError, Garbled) as error:
            words = printable(str(error)) or type(error).__name__
            raise Unanswered(f"{call.place}: {words}") from None
