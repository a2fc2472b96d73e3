"""What went wrong with a call to a vendor, and whether it can have started anything.

One table for all vendors and one more for each: the first row that fits decides. A row is
*definite* when the request certainly started nothing; all else is for ``find`` to settle.
"""

from __future__ import annotations

import re
import time
from collections.abc import Mapping, Sequence
from email.utils import parsedate_to_datetime
from typing import Any

from bydawn.backends.answers import retry_after_ms
from bydawn.core.sightings import Failure, FailureClass, LaunchRefused, LaunchUnclear
from bydawn.core.values import value

_TRANSIENT, _HELD, _PERMANENT = FailureClass.TRANSIENT, FailureClass.HELD, FailureClass.PERMANENT
_AMBIGUOUS, _AUTH = FailureClass.AMBIGUOUS, FailureClass.AUTH
_RATE_WAIT_MS = 30_000
_LONGEST_MESSAGE = 400
_SHORTEST_SECRET = 8


@value
class Row:
    """One kind of reply: its HTTP code (0: any from 500 on, 300 and 400 likewise), words of its
    error envelope, and what it means."""

    http: int
    kind: FailureClass
    code: str
    words: tuple[str, ...] = ()
    definite: bool = True


@value
class Trouble:
    """``is_definite``: nothing was started; ``is_gone``: the thing asked about is not there."""

    failure: Failure
    is_definite: bool
    is_gone: bool = False


class Troubled(Exception):
    """One call to a vendor failed; its ``trouble`` says how."""

    def __init__(self, trouble: Trouble) -> None:
        super().__init__(f"{trouble.failure.code}: {trouble.failure.message}")
        self.trouble = trouble


ROWS: tuple[Row, ...] = (
    Row(401, _AUTH, "key_refused"),
    Row(402, _AUTH, "billing"),
    Row(403, _AUTH, "forbidden"),
    Row(404, _PERMANENT, "not_found"),
    Row(408, _AMBIGUOUS, "timeout", definite=False),
    Row(409, _AMBIGUOUS, "conflict", definite=False),
    Row(410, _PERMANENT, "not_found"),
    Row(413, _PERMANENT, "too_large"),
    Row(425, _AMBIGUOUS, "too_early", definite=False),
    Row(429, _HELD, "rate_limited"),
    # Some services answer what they took on with a look elsewhere.
    Row(302, _AMBIGUOUS, "redirected", definite=False),
    Row(303, _AMBIGUOUS, "redirected", definite=False),
    Row(300, _TRANSIENT, "redirected"),
    Row(400, _PERMANENT, "refused"),
    Row(500, _AMBIGUOUS, "server_error", definite=False),
)
_EXPLAINED = {
    "key_refused": "the key is wrong or was revoked",
    "billing": "credit or a spending limit is used up; a person must see to the account",
    "forbidden": "the key may not do this",
    "not_found": "the vendor does not know it",
    "redirected": "the address points elsewhere; redirects are not followed: is base_url right?",
    "quota": "the quota is used up until it is reset",
}


def trouble_of(error: BaseException, rows: Sequence[Row] = (), secret: str = "") -> Trouble:
    """Read what an SDK raised. ``secret`` is kept out of every message."""
    http = _http_code(error)
    reply = getattr(error, "response", None)
    if http is None or 200 <= http < 300:
        return _line_trouble(error, secret)
    envelope = _envelope(getattr(error, "body", None) or getattr(error, "details", None))
    row = _fitting(http, envelope, (*rows, *ROWS))
    message = _message(http, row.code, envelope, str(error), secret)
    wait_ms = _wait_ms(getattr(reply, "headers", None) or {}) or _google_wait_ms(envelope)
    if row.code == "rate_limited" and wait_ms is None:
        wait_ms = _RATE_WAIT_MS
    failure = Failure(row.kind, row.code, message, wait_ms)
    return Trouble(failure, row.definite, is_gone=http in (404, 410))


def launch_answer(trouble: Trouble) -> LaunchRefused | LaunchUnclear:
    """What a failed launch is to the runner."""
    if trouble.is_definite:
        return LaunchRefused(trouble.failure)
    return LaunchUnclear(f"{trouble.failure.code}: {trouble.failure.message}")


def _wait_ms(headers: Mapping[str, str]) -> int | None:
    """How long the reply asks to wait, by its own clock where it tells the time."""
    text = (headers.get("retry-after-ms") or "").strip()
    if text.isdigit():
        return int(text)
    now = _date_ms(headers.get("date")) or time.time_ns() // 1_000_000
    return retry_after_ms(headers.get("retry-after"), now)


def _date_ms(header: str | None) -> int | None:
    try:
        return round(parsedate_to_datetime(header or "").timestamp() * 1_000)
    except (TypeError, ValueError):
        return None


def _http_code(error: BaseException) -> int | None:
    """Google's other family of errors calls it ``code``."""
    found = (getattr(error, name, None) for name in ("status_code", "code"))
    return next((one for one in found if isinstance(one, int)), None)


def _fitting(http: int, envelope: Mapping[str, Any], rows: Sequence[Row]) -> Row:
    said = " ".join(_texts(envelope)).lower()
    for row in rows:
        if row.http in (http, http // 100 * 100) and all(word in said for word in row.words):
            return row
    return ROWS[-1]


def _envelope(body: Any) -> dict[str, Any]:
    """The error itself, from under whatever it was wrapped in."""
    inner = body.get("error", body) if isinstance(body, dict) else None
    return inner if isinstance(inner, dict) else {}


def _texts(value: Any) -> list[str]:
    if isinstance(value, dict):
        return [text for each in value.values() for text in _texts(each)]
    if isinstance(value, list):
        return [text for each in value for text in _texts(each)]
    return [value] if isinstance(value, str) else []


def _message(http: int, code: str, envelope: Mapping[str, Any], raw: str, secret: str) -> str:
    theirs = str(envelope.get("message") or "")
    if not theirs:
        theirs = "the reply is a web page" if "<" in raw[:200] else raw
    ours = _EXPLAINED.get(code)
    return _told(f"{ours} (HTTP {http}: {theirs})" if ours else f"HTTP {http}: {theirs}", secret)


def _told(text: str, secret: str) -> str:
    """One line, without the key. What is too short to be one may be a word."""
    if len(secret) >= _SHORTEST_SECRET:
        text = text.replace(secret, "[key]")
    return " ".join(text.split())[:_LONGEST_MESSAGE]


def _google_wait_ms(envelope: Mapping[str, Any]) -> int | None:
    """Google says in a detail of the error how long to wait: ``{"retryDelay": "34s"}``."""
    details = envelope.get("details")
    for detail in details if isinstance(details, list) else ():
        delay = detail.get("retryDelay") if isinstance(detail, dict) else None
        if isinstance(delay, str) and re.fullmatch(r"\d{1,9}(\.\d*)?s", delay):
            return round(float(delay[:-1]) * 1_000)
    return None


def _line_trouble(error: BaseException, secret: str) -> Trouble:
    """No answer, or one that cannot be read: only a line that never stood is definite."""
    import httpx2

    from bydawn.backends.managed.sdk_line import TooLate, Unreadable

    for cause in _causes(error):
        detail = _told(str(cause), secret)
        if isinstance(cause, TooLate):
            return Trouble(Failure(_TRANSIENT, "late", detail), True)
        if isinstance(cause, httpx2.ConnectError | httpx2.ConnectTimeout | httpx2.PoolTimeout):
            return _unsent(detail)
        if isinstance(cause, httpx2.UnsupportedProtocol | httpx2.InvalidURL):
            return Trouble(Failure(_PERMANENT, "base_url", f"not an address: {detail}"), True)
        if isinstance(cause, httpx2.TimeoutException):
            return Trouble(Failure(_AMBIGUOUS, "timeout", "no answer in time"), False)
        if isinstance(cause, httpx2.TransportError):
            return Trouble(Failure(_AMBIGUOUS, "broken_line", detail), False)
        if isinstance(cause, Unreadable):
            return Trouble(Failure(_AMBIGUOUS, "malformed", detail), False)
    detail = _told(f"{type(error).__name__}: {error}", secret)
    return Trouble(Failure(_AMBIGUOUS, "malformed", detail), False)


def _unsent(detail: str) -> Trouble:
    if "certificate" in detail.lower() or "ssl" in detail.lower():
        message = f"the other side could not prove who it is: {detail}"
        return Trouble(Failure(_AUTH, "tls", message), True)
    return Trouble(Failure(_TRANSIENT, "unreachable", detail or "no connection"), True)


def _causes(error: BaseException) -> list[BaseException]:
    found: list[BaseException] = []
    here: BaseException | None = error
    while here is not None and here not in found:
        found.append(here)
        here = here.__cause__ or here.__context__
    return found
