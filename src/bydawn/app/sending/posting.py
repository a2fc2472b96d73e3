"""Carry one message to one address, in bounded time. Says what went wrong; never raises, and never
repeats an address, which may be a secret."""

from __future__ import annotations

import http.client
import json
import logging
import threading
from collections.abc import Callable
from typing import Protocol
from urllib.parse import urlsplit

from bydawn.version import __version__
from bydawn.watch.notices import Message

PATIENCE_S = 20.0
_STEP_S = 10.0
_NEVER = logging.CRITICAL + 1
_WEB = ("http", "https")
_AGENT = f"bydawn/{__version__}"


class Post(Protocol):
    """How messages leave; an empty answer is success."""

    def __call__(self, url: str, message: Message, /) -> str: ...


def post(url: str, message: Message) -> str:
    """To a web address as JSON, to anything else through apprise."""
    if _scheme(url) in _WEB:
        body = json.dumps(message.document()).encode()
        return bounded(lambda: _request("POST", url, body, message.id))
    return bounded(lambda: _through_apprise(url, message))


def ping(url: str, step: str, rid: str, text: str = "") -> str:
    """A dead man's switch: ``start``, ``fail``, or nothing for success, behind its address."""
    if _scheme(url) not in _WEB:
        return "is not an http or https address"
    parts = urlsplit(url)
    path = f"{parts.path.rstrip('/')}/{step}" if step else parts.path
    query = "&".join(filter(None, (parts.query, f"rid={rid}")))
    target = parts._replace(path=path, query=query).geturl()
    return bounded(lambda: _request("POST", target, text.encode(), ""))


def bounded(act: Callable[[], str], patience_s: float = PATIENCE_S) -> str:
    """Wait no longer than this for an answer, however slowly it comes."""
    answers: list[str] = []

    def run() -> None:
        try:
            answers.append(act())
        except Exception as error:
            answers.append(f"could not be reached ({_reason(error)})")

    thread = threading.Thread(target=run, name="bydawn-post", daemon=True)
    thread.start()
    thread.join(patience_s)
    return answers[0] if answers else f"gave no answer in {patience_s:.0f} s"


def _request(method: str, url: str, body: bytes, id_: str) -> str:
    from urllib.error import HTTPError
    from urllib.request import HTTPRedirectHandler, Request, build_opener

    class Nowhere(HTTPRedirectHandler):
        """A redirect would turn the message into a question."""

        def redirect_request(self, *_: object, **__: object) -> None:
            return None

    headers = {"User-Agent": _AGENT, "Content-Type": "application/json"}
    if id_:
        headers["Idempotency-Key"] = id_
    request = Request(url, body, headers, method=method)
    try:
        with build_opener(Nowhere).open(request, timeout=_STEP_S) as answer:
            return _judged(answer.status)
    except HTTPError as error:
        with error:
            return _judged(error.code)


def _reason(error: Exception) -> str:
    """The system's own words; never the error's, which may hold the address."""
    inner = getattr(error, "reason", error)
    return getattr(inner, "strerror", None) or type(inner).__name__


def _judged(code: int) -> str:
    words = http.client.responses.get(code, "")
    return "" if 200 <= code < 300 else f"answered {code} {words}".rstrip()


def _through_apprise(url: str, message: Message) -> str:
    try:
        import apprise
    except ModuleNotFoundError:
        return "needs apprise: pip install 'bydawn[notify]'"
    logging.getLogger("apprise").setLevel(_NEVER)  # it logs addresses, and they are secret
    letterbox = apprise.Apprise()
    if not letterbox.add(url):
        return "is no address that apprise knows"
    sent = letterbox.notify(title=message.title, body="\n".join(message.lines) or message.title)
    return "" if sent else "was not accepted"


def _scheme(url: str) -> str:
    try:
        return urlsplit(url.strip()).scheme.lower()
    except ValueError:
        return ""
