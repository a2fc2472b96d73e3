"""Who may ask what: checked before any page is reached, and said with every answer.

A page may be asked for by whoever holds this process's token. What changes something must also come
from a form of our own page: right Host, right Origin, and the form's own token. A browser that is
led here by somebody else's page has none of them.
"""

from __future__ import annotations

import asyncio
import hmac
import secrets
from collections.abc import Iterable
from dataclasses import field
from http.cookies import CookieError, SimpleCookie
from urllib.parse import parse_qs, urlencode, urlsplit

from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from bydawn.core.values import value

TOKEN, FORM_TOKEN = "token", "form"
_OPEN = frozenset({"/healthz"})
_READS = frozenset({"GET", "HEAD"})
_LOOPBACK = ("127.0.0.1", "localhost", "::1")
_LARGEST_HEAD = 16_384
_LARGEST_BODY, _BODY_S = 16_384, 10.0
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self';"
    " form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
_HEADERS = (
    ("Content-Security-Policy", _POLICY),
    ("X-Content-Type-Options", "nosniff"),
    ("X-Frame-Options", "DENY"),
    # Not "no-referrer": with that a browser calls the origin of our own forms null.
    ("Referrer-Policy", "same-origin"),
    ("Cross-Origin-Opener-Policy", "same-origin"),
    ("Cross-Origin-Resource-Policy", "same-origin"),
    ("Permissions-Policy", "camera=(), geolocation=(), microphone=()"),
    ("Cache-Control", "no-store"),
)  # fmt: skip


@value
class Keys:
    """The secrets of one process, and the names it may be called by."""

    hosts: frozenset[str]
    token: str = field(default_factory=lambda: secrets.token_urlsafe(32))
    form_token: str = field(default_factory=lambda: secrets.token_urlsafe(32))
    is_read_only: bool = False
    cookie: str = "bydawn"

    def opens(self, given: str) -> bool:
        return hmac.compare_digest(given.encode(), self.token.encode())

    def signs(self, given: str) -> bool:
        return hmac.compare_digest(given.encode(), self.form_token.encode())


def hosts_of(host: str, port: int) -> frozenset[str]:
    """What a Host header may say of a server that listens there."""
    names = {host, *_LOOPBACK} if host in _LOOPBACK else {host}
    return frozenset(f"{f'[{name}]' if ':' in name else name}:{port}" for name in names)


class Guard:
    """Stands before the whole site."""

    def __init__(self, site: ASGIApp, keys: Keys) -> None:
        self._site, self._keys = site, keys

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._site(scope, receive, send)
            return
        sending = _marked(send)
        headers = Headers(scope=scope)
        refusal = self._refusal(scope, headers)
        if refusal is not None:
            await refusal(scope, receive, sending)
        elif scope["method"] in _READS:
            await self._site(scope, receive, sending)
        else:
            await self._changing(scope, receive, sending)

    def _refusal(self, scope: Scope, headers: Headers) -> Response | None:
        """What is wrong with a request that can be seen without its body."""
        if sum(len(name) + len(value) for name, value in scope["headers"]) > _LARGEST_HEAD:
            return _no(431, "the request says too much about itself")
        if headers.get("host", "").lower() not in self._keys.hosts:
            return _no(421, "this is not the name of this dashboard")
        if scope["path"] in _OPEN and scope["method"] in _READS:
            return None
        if scope["method"] not in (*_READS, "POST"):
            return _no(405, "only GET and POST are known here")
        given = parse_qs(scope["query_string"].decode("latin-1")).get(TOKEN)
        if given and scope["method"] == "GET":
            return self._welcome(scope, given[0])
        if not self._may_enter(headers):
            return _no(401, "open the link that bydawn serve has printed: it holds the key")
        return None if scope["method"] in _READS else self._refusal_to_change(headers)

    def _welcome(self, scope: Scope, given: str) -> Response:
        """The printed link: its key goes into a cookie and out of the address."""
        if not self._keys.opens(given):
            return _no(401, "the key in this link is not, or no longer, the right one")
        rest = parse_qs(scope["query_string"].decode("latin-1"))
        rest.pop(TOKEN)
        query = f"?{urlencode(rest, doseq=True)}" if rest else ""
        answer = RedirectResponse(_own_path(scope["path"]) + query, 303)
        answer.set_cookie(self._keys.cookie, given, httponly=True, samesite="strict", path="/")
        return answer

    def _may_enter(self, headers: Headers) -> bool:
        scheme, _, bearer = headers.get("authorization", "").partition(" ")
        given = bearer if scheme.lower() == "bearer" else _cookie(headers, self._keys.cookie)
        return self._keys.opens(given)

    def _refusal_to_change(self, headers: Headers) -> Response | None:
        """A change must come from a page of this very site."""
        if self._keys.is_read_only:
            return _no(403, "this dashboard only shows: it was started with --read-only")
        origin = urlsplit(headers.get("origin", ""))
        if origin.netloc.lower() not in self._keys.hosts or origin.scheme not in ("http", "https"):
            return _no(403, "the request comes from another site")
        if headers.get("sec-fetch-site", "same-origin") != "same-origin":
            return _no(403, "the request comes from another site")
        kind = headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind != "application/x-www-form-urlencoded":
            return _no(415, "only forms of this site are taken")
        return None

    async def _changing(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            async with asyncio.timeout(_BODY_S):
                body = await _whole(receive)
        except TimeoutError:
            await _no(408, "the request took too long")(scope, receive, send)
            return
        if body is None:
            await _no(413, "the request is too large")(scope, receive, send)
            return
        form = parse_qs(body.decode("utf-8", "replace"), keep_blank_values=True)
        if not self._keys.signs(form.get(FORM_TOKEN, [""])[0]):
            await _no(403, "the form is not of this page, or the dashboard was started anew")(
                scope, receive, send
            )
            return
        scope["bydawn.form"] = {name: values[0] for name, values in form.items()}
        await self._site(scope, _given(body), send)


def _no(code: int, why: str) -> Response:
    return PlainTextResponse(f"{why}\n", code)


def _own_path(path: str) -> str:
    """A path on this site: two slashes would lead to another one."""
    return "/" + path.lstrip("/\\")


def _cookie(headers: Headers, name: str) -> str:
    try:
        found = SimpleCookie(headers.get("cookie", "")).get(name)
    except CookieError:
        return ""
    return found.value if found else ""


async def _whole(receive: Receive) -> bytes | None:
    """The body; None when it is larger than any form of ours."""
    pieces: list[bytes] = []
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        pieces.append(message.get("body", b""))
        if sum(map(len, pieces)) > _LARGEST_BODY:
            return None
        if not message.get("more_body", False):
            return b"".join(pieces)


def _given(body: bytes) -> Receive:
    async def receive() -> Message:
        return {"type": "http.request", "body": body, "more_body": False}

    return receive


def _marked(send: Send) -> Send:
    """Every answer says how a browser is to treat it; what a page says itself holds."""

    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            message["headers"] = [*message["headers"], *_missing(message["headers"])]
        await send(message)

    return sending


def _missing(there: Iterable[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    names = {name.lower() for name, _ in there}
    pairs = ((name.lower().encode(), value.encode()) for name, value in _HEADERS)
    return [(name, value) for name, value in pairs if name not in names]
