"""The security matrix: every route against every way to ask that is not ours."""

from __future__ import annotations

import http.client
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import pytest
from scene import Scene, scripted
from starlette.applications import Starlette
from starlette.routing import Route

from bydawn.app import Invocation
from bydawn.core.errors import UsageError
from bydawn.web import site
from bydawn.web.looking import Site
from bydawn.web.serving import serve
from conftest import ORIGIN, Desk, desk_over

SOURCE = Path(__file__).resolve().parents[2] / "src"
PAGES = ["/", "/batches", "/batches/nightly@2026-11-19", "/parked", "/cost", "/runners",
         "/api/batches", "/api/batches/nightly", "/static/style.css", "/events"]  # fmt: skip
CHANGES = ["/jobs/{job}/cancel", "/jobs/{job}/retry", "/jobs/{job}/resolve",
           "/batches/nightly/cancel", "/batches/nightly/pause", "/batches/nightly/unpause",
           "/stop", "/stop/clear"]  # fmt: skip


def everything(desk: Desk) -> list[tuple[str, str]]:
    job = desk.scene.job(desk.batch, "review").job_id
    reads = [
        ("GET", path)
        for path in (*PAGES, f"/jobs/{job}", f"/jobs/{job}/log", f"/api/jobs/{job}", "/nope")
    ]
    return reads + [("POST", path.format(job=job)) for path in CHANGES]


def ask(desk: Desk, method: str, path: str, **headers: str) -> int:
    """One request with exactly these headers; a stream that is let in is not read."""
    if path == "/events" and {**headers, **desk.entered} == headers and "host" not in headers:
        return 200
    data = {"form": desk.keys.form_token} if method == "POST" else None
    return desk.client.request(method, path, headers=headers, data=data).status_code


def test_the_matrix_knows_every_route(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """A route that is new asks for its line above; only the sign of life stands open."""
    made: list[Route] = []

    def noted(**given: Any) -> Starlette:
        made.extend(given["routes"])
        return Starlette(**given)

    monkeypatch.setattr(site, "Starlette", noted)
    site.build(Site(Invocation(desk.scene.folder), desk.keys))
    asked = everything(desk)
    unasked = [
        route.path
        for route in made
        if not any(method in (route.methods or ()) and route.path_regex.match(path)
                   for method, path in asked)
    ]  # fmt: skip
    assert len(made) > 20
    assert unasked == ["/healthz"]


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"authorization": "Bearer wrong"},
        {"authorization": "Basic wrong"},
        {"cookie": "bydawn=wrong"},
        {"cookie": "bydawn="},
        {"cookie": 'bydawn="\\;'},
    ],
)
def test_without_the_key_there_is_nothing(desk: Desk, headers: dict[str, str]) -> None:
    for method, path in everything(desk):
        assert ask(desk, method, path, **headers) == 401, (method, path)


@pytest.mark.parametrize("host", ["evil.example:8377", "127.0.0.1", "127.0.0.1:80", "", "[::1"])
def test_under_another_name_there_is_nothing(desk: Desk, host: str) -> None:
    """A name an attacker points at this machine is not ours (DNS rebinding)."""
    for method, path in everything(desk):
        assert ask(desk, method, path, **desk.entered, host=host) == 421, (method, path)


@pytest.mark.parametrize(
    "host", ["127.0.0.1:8377", "localhost:8377", "[::1]:8377", "LOCALHOST:8377"]
)
def test_its_own_names_are_known(desk: Desk, host: str) -> None:
    assert ask(desk, "GET", "/", **desk.entered, host=host) == 200


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"origin": "null"},
        {"origin": "https://evil.example"},
        {"origin": "http://127.0.0.1:9999"},
        {"origin": "file://127.0.0.1:8377"},
        {"origin": ORIGIN, "sec-fetch-site": "cross-site"},
        {"origin": ORIGIN, "sec-fetch-site": "same-site"},
        {"origin": ORIGIN, "sec-fetch-site": "none"},
    ],
)
def test_a_form_of_another_site_changes_nothing(desk: Desk, headers: dict[str, str]) -> None:
    before = desk.get("/api/batches/nightly")[1]
    for method, path in everything(desk):
        if method == "POST":
            assert ask(desk, method, path, **desk.entered, **headers) == 403, path
    assert desk.get("/api/batches/nightly")[1] == before


def test_a_form_without_its_own_token_changes_nothing(desk: Desk) -> None:
    sent = {**desk.entered, "origin": ORIGIN}
    for method, path in everything(desk):
        if method == "POST":
            for form in ({}, {"form": ""}, {"form": "wrong"}, {"form": desk.keys.token}):
                assert desk.client.post(path, headers=sent, data=form).status_code in (403, 415)


def test_only_forms_are_taken(desk: Desk) -> None:
    sent = {**desk.entered, "origin": ORIGIN}
    for body in ({"json": {"form": desk.keys.form_token}}, {"content": b"form=x"}):
        assert desk.client.post("/stop", headers=sent, **body).status_code == 415  # type: ignore[arg-type]


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "HEAD", "GET"])
def test_nothing_but_a_post_has_an_effect(desk: Desk, method: str) -> None:
    before = desk.get("/api/batches/nightly")[1]
    for _, path in everything(desk):
        if path in ("/events",):
            continue
        answer = desk.client.request(method, path, headers={**desk.entered, "origin": ORIGIN})
        assert answer.status_code in (200, 404, 405), (method, path)
    assert desk.get("/api/batches/nightly")[1] == before
    assert not (desk.scene.folder / ".bydawn/STOP").exists()


def test_a_dashboard_that_only_shows_changes_nothing(scene: Scene) -> None:
    batch = scene.night()
    scene.drive(batch)
    desk = desk_over(scene, batch, is_read_only=True)
    with desk.client:
        for method, path in everything(desk):
            if method == "POST":
                assert desk.post(path, answer="failed", reason="x")[0] == 403, path
        for path in ("/", "/batches/nightly", f"/jobs/{scene.job(batch, 'review').job_id}"):
            assert 'method="post"' not in desk.get(path)[1]


@pytest.mark.parametrize(
    "path",
    ["/static/../guarding.py", "/static/%2e%2e%2fguarding.py", "/static/..%5csite.py",
     "/static//etc/passwd", "/static/", "/static/%00", "/jobs/..%2f..%2fetc%2fpasswd",
     "/batches/%2e%2e", "/batches/%00", "/jobs/j_zzzzzzzzzzzz", "/api/jobs/none"],
)  # fmt: skip
def test_no_path_leads_elsewhere(desk: Desk, path: str) -> None:
    code, text = desk.get(path)
    assert code == 404
    assert "root:" not in text
    assert "import" not in text


def test_every_answer_carries_the_policy(desk: Desk) -> None:
    for method, path in everything(desk):
        if path == "/events":
            continue
        for headers in ({}, desk.entered):
            sent = {**headers, "origin": ORIGIN}
            answer = desk.client.request(method, path, headers=sent)
            policy = answer.headers["content-security-policy"]
            assert "default-src 'none'" in policy
            assert "unsafe" not in policy
            assert answer.headers["x-content-type-options"] == "nosniff"
            assert answer.headers["x-frame-options"] == "DENY"
            # Any stricter, and a browser sends no origin with our own forms.
            assert answer.headers["referrer-policy"] == "same-origin"


def test_the_link_becomes_a_cookie_and_leaves_the_address(desk: Desk) -> None:
    answer = desk.client.get(f"/batches?state=failed&token={desk.keys.token}")
    assert (answer.status_code, answer.headers["location"]) == (303, "/batches?state=failed")
    cookie = answer.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=strict" in cookie
    assert desk.client.get("/batches").status_code == 200
    assert desk.client.get("/?token=wrong").status_code == 401


@pytest.mark.parametrize("path", ["//evil.example", "/\\evil.example", "///evil.example/x"])
def test_the_link_leads_to_no_other_site(desk: Desk, path: str) -> None:
    answer = desk.client.get(f"http://127.0.0.1:8377{path}?token={desk.keys.token}")
    if answer.status_code == 303:
        assert urlsplit(answer.headers["location"]).netloc == ""


HOSTILE = '<script>alert(1)</script>"><img src=x onerror=alert(2)>\x1b[2J\u202e</title>'


def test_hostile_words_are_inert_everywhere(scene: Scene) -> None:
    hostile = {"takes_ms": 1, "ends": "ok", "result": {"said": HOSTILE}}
    batch = scene.submit(
        scripted("work", hostile), scripted("bad", {"takes_ms": 1, "ends": "error 400"}, retries=0),
        names=[("work", f"work/{HOSTILE}"), ("bad", "bad")],
    )  # fmt: skip
    scene.drive(batch)
    desk = desk_over(scene, batch)
    job, sent = next(job for job in desk.jobs() if job.template == "work"), quote(HOSTILE)
    with desk.client:
        pages = ["/", "/batches/nightly", f"/jobs/{job.job_id}", "/parked", "/runners",
                 f"/batches/nightly?q={sent}&tag={sent}&state={sent}",
                 f"/cost?by=job&days={sent}", f"/?said={sent}"]  # fmt: skip
        for path in pages:
            code, text = desk.get(path)
            assert code == 200, path
            seen = Parsed(text)
            assert seen.tags.isdisjoint({"img", "iframe", "style", "object", "embed"}), path
            assert seen.scripts == [f"/static/{n}.js" for n in ("htmx.min", "hx-sse.min", "live")]
            assert not {name for name in seen.attributes if name.startswith("on")}
            assert "style" not in seen.attributes
            assert "\x1b" not in text
            assert "\u202e" not in text


class Parsed(HTMLParser):
    """What a browser makes of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.scripts: list[str | None] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}
        if tag == "script":
            self.scripts.append(dict(attrs).get("src"))


def test_a_body_that_is_too_large_is_not_read(desk: Desk) -> None:
    sent = {**desk.entered, "origin": ORIGIN, "content-type": "application/x-www-form-urlencoded"}
    answer = desk.client.post("/stop", headers=sent, content=b"form=" + b"x" * 20_000)
    assert answer.status_code == 413


# A real server


@pytest.fixture
def lines() -> Iterator[list[socket.socket]]:
    """Connections that outlive the server."""
    made: list[socket.socket] = []
    yield made
    for line in made:
        line.close()


@pytest.fixture
def served(tmp_path: Path, lines: list[socket.socket]) -> Iterator[str]:
    (tmp_path / "p.toml").write_text(
        'schema = 1\nname = "p"\n[[job]]\nid = "one"\nbackend = "scripted"\n'
    )
    del lines  # closed after the server has ended
    environment = {**os.environ, "PYTHONPATH": str(SOURCE), "HOME": str(tmp_path)}
    command = [sys.executable, "-m", "bydawn"]
    subprocess.run([*command, "run", "p.toml", "-q"], cwd=tmp_path, env=environment, check=True,
                   capture_output=True)  # fmt: skip
    process = subprocess.Popen(
        [*command, "serve", "--port", "0"], cwd=tmp_path, env=environment,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdout is not None
    yield process.stdout.readline().strip()
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=30)
    assert "Traceback" not in errors
    assert "Cancel" not in errors


def test_a_real_server_bears_bad_guests(served: str) -> None:
    link = urlsplit(served)
    token = link.query.removeprefix("token=")
    assert link.hostname is not None
    place = (link.hostname, link.port or 0)

    def asked(path: str, headers: dict[str, str]) -> int:
        line = http.client.HTTPConnection(*place, timeout=30)
        line.request("GET", path, headers=headers)
        code = line.getresponse().status
        line.close()
        return code

    entered = {"Authorization": f"Bearer {token}"}
    slow = socket.create_connection(place)
    slow.sendall(b"GET / HTTP/1.1\r\nHost: ")
    assert asked("/", entered) == 200
    assert asked("/", {**entered, "X-Large": "x" * 40_000}) == 431
    assert asked("/healthz", {}) == 200
    garbage = socket.create_connection(place)
    garbage.sendall(b"\x16\x03\x01\x02\x00\x01\x00\r\n\r\n")
    assert asked("/batches/p", entered) == 200
    slow.close()
    garbage.close()


def test_the_stream_resumes_without_loss(served: str) -> None:
    link = urlsplit(served)
    headers = {"Authorization": f"Bearer {link.query.removeprefix('token=')}"}

    def ids(after: str, count: int) -> list[int]:
        line = http.client.HTTPConnection(link.hostname or "", link.port, timeout=30)
        line.request("GET", "/events", headers={**headers, "Last-Event-ID": after})
        answer, found = line.getresponse(), []
        while len(found) < count:
            told = answer.readline().decode()
            assert told, "the stream ended"
            if told.startswith("id: "):
                found.append(int(told[4:]))
        line.close()
        return found

    first = ids("0", 3)
    assert first[:2] == [1, 2]
    assert ids(str(first[1]), 1) == [first[2]]


@pytest.mark.parametrize("host", ["0.0.0.0", "::", ""])
def test_a_dashboard_has_one_name(tmp_path: Path, host: str) -> None:
    with pytest.raises(UsageError, match="one name only"):
        serve(Invocation(tmp_path), host, 0, is_read_only=False, say=print)


def test_it_leaves_in_peace_while_somebody_listens(served: str, lines: list[socket.socket]) -> None:
    """The end of the fixture looks for what it says."""
    link = urlsplit(served)
    line = socket.create_connection((link.hostname or "", link.port or 0))
    lines.append(line)
    key = link.query.removeprefix("token=")
    line.sendall(f"GET /events HTTP/1.1\r\nHost: {link.netloc}\r\n".encode())
    line.sendall(f"Authorization: Bearer {key}\r\n\r\n".encode())
    line.settimeout(60)
    assert b"200 OK" in line.recv(4096)
