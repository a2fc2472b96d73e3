"""The HTTP client over a service that sends whatever a test says, byte for byte."""

from __future__ import annotations

import contextlib
import datetime
import gzip
import ipaddress
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bydawn.backends import lines
from bydawn.backends.wire import Call, Impossible, Reply, Unanswered, Unsent, Untrusted, Wire

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
Script = Callable[[socket.socket, bytes], None]


class Service:
    """Listens on a port of its own; ``script`` answers each request, ``heads`` are what came in,
    ``lines`` how many connections."""

    def __init__(self, script: Script, wrap: Callable[[socket.socket], socket.socket]) -> None:
        self.heads: list[bytes] = []
        self.lines = 0
        self._script, self._wrap = script, wrap
        self._open: list[socket.socket] = []
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port = self._listening.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self._thread = threading.Thread(target=self._listen, daemon=True)
        self._thread.start()

    def close(self) -> None:
        for each in (self._listening, *self._open):
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()
        self._thread.join()

    def _listen(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                line, _ = self._listening.accept()
                self.lines += 1
                self._open.append(line)
                threading.Thread(target=self._speak, args=(line,), daemon=True).start()

    def _speak(self, line: socket.socket) -> None:
        with contextlib.suppress(OSError, ssl.SSLError):
            line = self._wrap(line)
            self._open.append(line)
            while head := _head(line):
                self.heads.append(head)
                self._script(line, head)
        line.close()


def _head(line: socket.socket) -> bytes:
    """One request; its body too where it has one."""
    got = b""
    while b"\r\n\r\n" not in got:
        piece = line.recv(4096)
        if not piece:
            return b""
        got += piece
    return got


def saying(answer: bytes, ends: bool = False) -> Script:
    def script(line: socket.socket, head: bytes) -> None:
        del head
        line.sendall(answer)
        if ends:
            line.shutdown(socket.SHUT_RDWR)

    return script


@contextlib.contextmanager
def serving(script: Script, wrap: Callable[[socket.socket], socket.socket] | None = None) -> Any:
    service = Service(script, wrap or (lambda line: line))
    try:
        yield service
    finally:
        service.close()


def asked(url: str, timeout_ms: int = 2_000, **more: Any) -> Reply:
    wire = Wire(timeout_ms, most_bytes=1_000)
    try:
        return wire.send(Call("GET", url, **more))
    finally:
        wire.close()


PACKED = gzip.compress(b"hi", mtime=0)
LENGTH = f"Content-Length: {len(PACKED)}".encode()


@pytest.mark.parametrize(
    "answer",
    [
        OK,
        b"HTTP/1.0 200 OK\n\nhi",
        b"HTTP/1.1 200\r\nContent-Length: \t2 \r\nConnection: close\r\n\r\nhi",
        b"HTTP/1.1 200 OK\r\n\r\nhi",
        CHUNKED + b"1\r\nh\r\n1;x=y\r\ni\r\n0\r\nTrailer: 1\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n" + LENGTH + b"\r\n\r\n" + PACKED,
    ],
)
def test_a_body_is_read_however_it_is_framed(answer: bytes) -> None:
    with serving(saying(answer, ends=True)) as service:
        assert asked(service.url).body == b"hi"


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nhi",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\nhi",
        b"HTTP/1.1 200 OK\r\nContent-Length: -2\r\n\r\nhi",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
        CHUNKED + b"2\r\nhi\r\n",
        CHUNKED + b"2\r\nhi!\r\n0\r\n\r\n",
        CHUNKED + b"zz\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Encoding: br\r\nContent-Length: 2\r\n\r\nhi",
        b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 2\r\n\r\nhi",
        b"HTTP/1.1 200 OK\r\nno header\r\n\r\nhi",
        b"HTTP/1.1 200 OK\r\n" + b"X: " + b"x" * 100_000,
        b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n",
        b"HTTP/2 200\r\n\r\n",
        b"SSH-2.0-OpenSSH_9.9\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1001\r\n\r\n" + b"x" * 1_001,
        b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 1_001,
        CHUNKED + b"fffffff\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n" + gzip.compress(b"x" * 1_001, mtime=0),
    ],
    ids=lambda answer: answer[15:70].decode("latin-1"),
)
def test_what_is_no_whole_answer_is_none(answer: bytes) -> None:
    """The request was sent: whatever comes back, it is never said that nothing was started."""
    with serving(saying(answer, ends=True)) as service, pytest.raises(Unanswered):
        asked(service.url)


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=300), st.integers(0, 60))
def test_no_bytes_break_more_than_their_own_call(noise: bytes, whole: int) -> None:
    with serving(saying(OK[:whole] + noise, ends=True)) as service:
        wire = Wire(2_000, most_bytes=1_000)
        with contextlib.suppress(Unanswered):
            assert wire.send(Call("GET", service.url)).code >= 200
        wire.close()


@pytest.mark.parametrize("before", [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n"])
def test_an_answer_that_drips_ends_when_its_time_is_over(before: bytes) -> None:
    def drip(line: socket.socket, head: bytes) -> None:
        del head
        line.sendall(before)
        with contextlib.suppress(OSError):
            for _ in range(100):
                line.sendall(b"H")
                time.sleep(0.02)

    with serving(drip) as service:
        began = time.monotonic()
        with pytest.raises(Unanswered, match=r"no whole answer within 0\.2 s"):
            asked(service.url, 200)
    assert time.monotonic() - began < 1.5


def test_a_line_is_used_again_and_only_where_nothing_waits_on_it() -> None:
    with serving(saying(OK)) as service:
        wire = Wire(2_000)
        for _ in range(3):
            wire.send(Call("GET", service.url))
        assert service.lines == 1
        wire.send(Call("GET", service.url, once=True))
        assert service.lines == 2, "a launch that must not meet a closing line"
        wire.close()
    with serving(saying(OK + b"HTTP/1.1 500 Not for you\r\n\r\n")) as service:
        wire = Wire(2_000)
        assert [wire.send(Call("GET", service.url)).code for _ in range(2)] == [200, 200]
        assert service.lines == 2
        wire.close()


def test_a_line_that_its_other_side_has_closed_is_not_used() -> None:
    closed = threading.Event()

    def once(line: socket.socket, head: bytes) -> None:
        saying(OK, ends=True)(line, head)
        closed.set()

    with serving(once) as service:
        wire = Wire(2_000)
        wire.send(Call("GET", service.url))
        assert closed.wait(5)
        wire.send(Call("GET", service.url))
        assert service.lines == 2
        wire.close()


def test_a_line_that_was_idle_for_long_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    with serving(saying(OK)) as service:
        wire = Wire(2_000)
        wire.send(Call("GET", service.url))
        monkeypatch.setattr(lines, "_KEPT_S", -1.0)
        wire.send(Call("GET", service.url))
        assert service.lines == 2
        wire.close()


def test_who_waits_too_long_for_a_line_was_never_sent() -> None:
    held = threading.Event()

    def hold(line: socket.socket, head: bytes) -> None:
        del head
        held.wait()
        line.sendall(OK)

    with serving(hold) as service:
        wire = Wire(3_000)
        threads = [
            threading.Thread(target=wire.send, args=(Call("GET", service.url),)) for _ in range(16)
        ]
        for thread in threads:
            thread.start()
        while service.lines < 16:
            time.sleep(0.005)
        with pytest.raises(Unsent, match=r"no connection within 0\.05 s"):
            wire.send(Call("GET", service.url), within_ms=100)
        held.set()
        for thread in threads:
            thread.join()
        wire.close()


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (Call("GET", "ftp://x/"), "no http or https address: ftp"),
        (Call("GET", "no address"), "without a scheme"),
        (Call("GET", "http://x:99999/"), "Port out of range"),
        (Call("GET", "URL", {"X-Key": "one\r\nHost: other"}), '"X-Key" is not one line of ASCII'),
        (Call("GET", "URL", {"X-Key": "straße"}), '"X-Key" is not one line of ASCII'),
        (Call("GET", "URL", {"X: y\r\nZ": "1"}), "the name of a header is not one"),
    ],
)
def test_what_cannot_be_said_is_not_sent(call: Call, words: str) -> None:
    with serving(saying(OK)) as service:
        with pytest.raises(Impossible, match=words):
            asked(call.url.replace("URL", service.url), headers=call.headers)
        assert service.heads == []


def test_a_request_says_what_was_meant_and_nothing_twice() -> None:
    with serving(saying(OK)) as service:
        url = service.url.replace("//", "//me:p%40ss@")
        asked(f"{url}/a b/ü?q=%20&r= \r\n#part", headers={"accept": "x/y"}, body=b"{}")
    head = service.heads[0].decode()
    assert head.startswith("GET /a%20b/%C3%BC?q=%20&r=%20 HTTP/1.1\r\n")
    assert f"Host: 127.0.0.1:{service.port}\r\n" in head
    assert "Authorization: Basic bWU6cEBzcw==\r\n" in head
    assert head.lower().count("accept:") == 1
    assert head.endswith("Content-Length: 2\r\nAuthorization: Basic bWU6cEBzcw==\r\n"
                         "accept: x/y\r\n\r\n{}")  # fmt: skip


def test_a_no_before_all_was_read_is_heard() -> None:
    """A service that refuses by the head alone leaves us with a broken line and an answer."""

    def refuse(line: socket.socket, head: bytes) -> None:
        del head
        line.sendall(b"HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n")

    with serving(refuse) as service:
        assert asked(service.url, body=b"x" * 50_000).code == 413


def test_a_proxy_of_the_environment_is_gone_by(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "no_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    with serving(saying(OK)) as proxy:
        monkeypatch.setenv("http_proxy", proxy.url.replace("//", "//u:p@"))
        assert asked("http://nowhere.test:8080/x?y").body == b"hi"
        head = proxy.heads[0]
        assert head.startswith(b"GET http://nowhere.test:8080/x?y HTTP/1.1\r\n")
        assert b"Host: nowhere.test:8080\r\n" in head
        assert b"Proxy-Authorization: Basic dTpw\r\n" in head
        with serving(saying(OK)) as direct:
            monkeypatch.setenv("no_proxy", "127.0.0.1")
            asked(direct.url)
            assert len(proxy.heads) == 1
    with serving(saying(b"HTTP/1.1 403 Forbidden\r\n\r\n")) as proxy:
        monkeypatch.setenv("https_proxy", proxy.url)
        with pytest.raises(Unsent, match="the proxy says HTTP 403"):
            asked("https://nowhere.test/")
        assert proxy.heads[0].startswith(b"CONNECT nowhere.test:443 HTTP/1.1\r\n")
    monkeypatch.setenv("https_proxy", "socks5://127.0.0.1:1")
    with pytest.raises(Impossible, match="a proxy must be an http:// address, not socks5://"):
        asked("https://nowhere.test/")


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate for 127.0.0.1 that vouches for itself, and its key, in one file."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "bydawn test")])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), False
        )
        .sign(key, hashes.SHA256())
    )
    path = tmp_path_factory.mktemp("tls") / "both.pem"
    secret = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    path.write_bytes(made.public_bytes(serialization.Encoding.PEM) + secret)
    return path


@pytest.fixture
def secured(certificate: Path) -> Iterator[Service]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    with serving(saying(OK), lambda line: context.wrap_socket(line, server_side=True)) as service:
        service.url = service.url.replace("http:", "https:")
        lines._certificates.cache_clear()
        yield service
    lines._certificates.cache_clear()


def test_a_certificate_that_nobody_vouches_for_is_not_taken(secured: Service) -> None:
    with pytest.raises(Untrusted, match=r"(?i)certificate"):
        asked(secured.url)
    assert secured.heads == []


def test_a_line_under_tls_is_kept_and_leads_through_a_proxy(
    secured: Service, certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    wire = Wire(2_000)
    assert [wire.send(Call("GET", secured.url)).body for _ in range(3)] == [b"hi"] * 3
    assert secured.lines == 1
    wire.close()

    def relay(line: socket.socket, head: bytes) -> None:
        del head
        line.sendall(b"HTTP/1.1 200 Established\r\n\r\n")
        with socket.create_connection(("127.0.0.1", secured.port)) as far:
            back = threading.Thread(target=_pumped, args=(far, line), daemon=True)
            back.start()
            _pumped(line, far)

    with serving(relay) as proxy:
        monkeypatch.setenv("https_proxy", proxy.url)
        monkeypatch.delenv("no_proxy", raising=False)
        monkeypatch.delenv("NO_PROXY", raising=False)
        assert asked(secured.url).body == b"hi"
        assert proxy.heads[0].startswith(f"CONNECT 127.0.0.1:{secured.port} ".encode())


def _pumped(one: socket.socket, other: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := one.recv(4096):
            other.sendall(data)
