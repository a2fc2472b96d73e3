"""Lines to services, each for one request at a time and kept open for the next one.

Certificates are judged as under the vendors' SDKs, proxies are taken from the environment. A line
that its other side may have closed meanwhile is not used again.
"""

from __future__ import annotations

import select
import socket
import ssl
import threading
import time
from collections.abc import Mapping
from functools import lru_cache
from urllib.parse import SplitResult, quote, urlsplit
from urllib.request import getproxies, proxy_bypass

from bydawn.backends.exchange import Answer, Garbled, exchanged, led_through, written
from bydawn.core.addresses import sign_in
from bydawn.core.values import value

_KEPT_S = 15.0
_ENCODED_ALREADY = "!$%&'()*+,/:;=?@[]~"
_PORTS = {"http": 80, "https": 443}
_WITH_BODY = ("POST", "PUT", "PATCH")
_ALWAYS = {"Accept": "*/*", "Accept-Encoding": "identity", "User-Agent": "bydawn"}


@value
class Origin:
    """Whom a line leads to."""

    scheme: str
    host: str
    port: int

    @property
    def place(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"

    @property
    def named(self) -> str:
        """As a request names it."""
        if self.port != _PORTS[self.scheme]:
            return self.place
        return self.place.rpartition(":")[0]


@value
class Address:
    """Where one request goes: to ``origin``, for ``target``."""

    origin: Origin
    target: str
    sign_in: str

    @classmethod
    def of(cls, url: str) -> Address:
        """ValueError where a request cannot go there."""
        parts = urlsplit(url)
        if parts.scheme not in _PORTS or not parts.hostname:
            raise ValueError(f"no http or https address: {parts.scheme or 'without a scheme'}")
        port = _PORTS[parts.scheme] if parts.port is None else parts.port
        target = f"{parts.path or '/'}?{parts.query}" if parts.query else parts.path or "/"
        origin = Origin(parts.scheme, parts.hostname.encode("idna").decode(), port)
        return cls(
            origin, quote(target, safe=_ENCODED_ALREADY), sign_in(parts.username, parts.password)
        )


class Line:
    """One connection, to a service or to the proxy before it."""

    def __init__(self, origin: Origin, patience_s: float) -> None:
        """Connected when this returns; OSError where that was not to be had."""
        self.origin = origin
        self.idle_since = 0.0
        self._proxy = _proxy_for(origin)
        until = time.monotonic() + patience_s
        self._socket = self._connected(patience_s)
        try:
            if origin.scheme == "https":
                self._secure(until)
        except BaseException:
            self.close()
            raise

    def exchange(
        self, method: str, address: Address, headers: Mapping[str, str], body: bytes | None,
        until: float, most: int,
    ) -> Answer:  # fmt: skip
        """Send one request and read its reply, by ``until`` and of no more than ``most`` bytes."""
        said = {"Host": self.origin.named, **_ALWAYS}
        if body is not None or method in _WITH_BODY:
            said["Content-Length"] = str(len(body or b""))
        if address.sign_in:
            said["Authorization"] = address.sign_in
        target = address.target
        if self._proxy and self.origin.scheme == "http":
            target = f"http://{self.origin.named}{target}"
            said |= _proxy_sign_in(self._proxy)
        for name in headers:
            said.pop(name.title(), None)
        request = written(method, target, {**said, **headers}, body)
        return exchanged(self._socket, request, until, most)

    def is_good(self) -> bool:
        """Whether another request may go here: open, and with nothing to be read from it."""
        if time.monotonic() - self.idle_since > _KEPT_S:
            return False
        look = select.poll()
        look.register(self._socket, select.POLLIN)
        return not look.poll(0)

    def close(self) -> None:
        self._socket.close()

    def _connected(self, patience_s: float) -> socket.socket:
        to, by = self.origin, self._proxy
        place = (by.hostname or "", by.port or _PORTS["http"]) if by else (to.host, to.port)
        line = socket.create_connection(place, patience_s)
        line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return line

    def _secure(self, until: float) -> None:
        if self._proxy:
            self._lead_through(self._proxy, until)
        self._socket.settimeout(max(0.001, until - time.monotonic()))
        host = self.origin.host
        self._socket = _certificates().wrap_socket(self._socket, server_hostname=host)

    def _lead_through(self, proxy: SplitResult, until: float) -> None:
        """Have the proxy connect us to the service itself."""
        headers = {"Host": self.origin.place, **_proxy_sign_in(proxy)}
        request = written("CONNECT", self.origin.place, headers, None)
        try:
            led_through(self._socket, request, until)
        except Garbled as error:
            raise ConnectionError(f"the proxy: {error}") from None


class Lines:
    """A bounded number of lines. Safe to use from many threads."""

    def __init__(self, most: int) -> None:
        self._places = threading.BoundedSemaphore(most)
        self._most = most
        self._idle: list[Line] = []
        self._guard = threading.Lock()

    def taken(self, origin: Origin, patience_s: float, fresh: bool) -> Line:
        """A line for one request, to be given back. TimeoutError where all are in use for so
        long."""
        if not self._places.acquire(timeout=patience_s):
            raise TimeoutError("all connections are in use")
        try:
            kept = None if fresh else self._kept(origin)
            return kept or Line(origin, patience_s)
        except BaseException:
            self._places.release()
            raise

    def give_back(self, line: Line, is_open: bool) -> None:
        """``is_open``: it was answered to its end, so another request may follow."""
        surplus: Line | None = line
        if is_open:
            line.idle_since = time.monotonic()
            with self._guard:
                self._idle.append(line)
                surplus = self._idle.pop(0) if len(self._idle) > self._most else None
        if surplus is not None:
            surplus.close()
        self._places.release()

    def close(self) -> None:
        with self._guard:
            idle, self._idle = self._idle, []
        for line in idle:
            line.close()

    def _kept(self, origin: Origin) -> Line | None:
        """The one used last, so that few stay open."""
        while True:
            with self._guard:
                places = range(len(self._idle) - 1, -1, -1)
                found = next((at for at in places if self._idle[at].origin == origin), None)
                line = None if found is None else self._idle.pop(found)
            if line is None or line.is_good():
                return line
            line.close()


@lru_cache(maxsize=1)
def _certificates() -> ssl.SSLContext:
    import httpx2

    return httpx2.create_ssl_context()


def _proxy_for(origin: Origin) -> SplitResult | None:
    said = getproxies()
    named = said.get(origin.scheme) or said.get("all")
    if not named or proxy_bypass(origin.place):
        return None
    proxy = urlsplit(named if "://" in named else f"http://{named}")
    if proxy.scheme != "http" or not proxy.hostname:
        raise ValueError(f"a proxy must be an http:// address, not {proxy.scheme}://")
    return proxy


def _proxy_sign_in(proxy: SplitResult) -> dict[str, str]:
    told = sign_in(proxy.username, proxy.password)
    return {"Proxy-Authorization": told} if told else {}
