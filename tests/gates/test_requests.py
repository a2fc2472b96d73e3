"""HTTP targets: the contract over a server that knows ETags, and what blind ones are worth."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from gate_contract import RecordContract, Stand, claim

from bydawn.core.errors import Fenced, Refused
from bydawn.core.fencing import Claim
from bydawn.gates.gate import Guarantee, PublishError, Steps, no_steps
from bydawn.gates.requests import RequestGate


class Place:
    """What the server holds, and how it behaves. ``drops`` answers of so many requests get lost."""

    def __init__(self) -> None:
        self.content: bytes | None = None
        self.seen: list[dict[str, str]] = []
        self.knows_etags = True
        self.drops = 0
        self.answers: list[int] = []
        self.turn = threading.Lock()

    @property
    def etag(self) -> str:
        return f'"{hashlib.sha256(self.content or b"").hexdigest()[:16]}"'

    def put(self, headers: dict[str, str], body: bytes) -> int:
        with self.turn:
            self.seen.append(headers)
            if self.answers:
                return self.answers.pop(0)
            if self.knows_etags and not self._allows(headers):
                return 412
            self.content = body
            return 200

    def _allows(self, headers: dict[str, str]) -> bool:
        wanted = headers.get("If-Match")
        if wanted is not None:
            return self.content is not None and wanted == self.etag
        return headers.get("If-None-Match") != "*" or self.content is None


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    place: Place


class _Talk(BaseHTTPRequestHandler):
    server: _Server

    def do_PUT(self) -> None:
        place = self.server.place
        body = self.rfile.read(int(self.headers["Content-Length"]))
        code = place.put(dict(self.headers), body)
        if place.drops:
            place.drops -= 1
            self.close_connection = True
            return
        self._answer(code, b"")

    def do_POST(self) -> None:
        self.do_PUT()

    def do_GET(self) -> None:
        place = self.server.place
        self._answer(404 if place.content is None else 200, place.content or b"")

    def _answer(self, code: int, body: bytes) -> None:
        self.send_response(code)
        if self.server.place.knows_etags:
            self.send_header("ETag", self.server.place.etag)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """The test log is no place for requests."""


class PutStand:
    points = ("read", "held", "compared", "installed", "sent", "noted")

    def __init__(self, folder: Path, url: str, place: Place, method: str = "PUT") -> None:
        self.folder, self.url, self.place, self.method = folder, url, place, method
        (folder / "drafts").mkdir()

    def gate(self, steps: Steps = no_steps) -> RequestGate:
        return RequestGate(self.method, self.url, self.folder / "state", steps=steps)

    def write(
        self, claim: Claim, content: str, steps: Steps = no_steps, has_history: bool = False
    ) -> bool:
        name = f"{claim.token}.{abs(hash(content))}"
        (self.folder / "drafts" / name).write_text(content)
        return self.gate(steps).publish(self.folder / "drafts", name, claim, has_history).written

    def read(self) -> str | None:
        return None if self.place.content is None else self.place.content.decode()

    def everything(self) -> object:
        return self.place.content, self._record().read_bytes() if self._record().exists() else None

    def was_outrun(self, error: PublishError) -> bool:
        del error
        return False

    def damage(self) -> None:
        self._record().write_text("{}")

    def forget(self) -> None:
        self._record().unlink()

    def _record(self) -> Path:
        found = list((self.folder / "state" / "addresses").rglob("*.json"))
        return found[0] if found else self.folder / "none"


@pytest.fixture
def place() -> Place:
    return Place()


@pytest.fixture
def url(place: Place) -> Iterator[str]:
    server = _Server(("127.0.0.1", 0), _Talk)
    server.place = place
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/page?q=1"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def stand(tmp_path: Path, url: str, place: Place) -> PutStand:
    return PutStand(tmp_path, url, place)


@pytest.fixture
def post(tmp_path: Path, url: str, place: Place) -> PutStand:
    place.knows_etags = False
    return PutStand(tmp_path, url, place, "POST")


class TestPut(RecordContract):
    @pytest.fixture
    def stand(self, tmp_path: Path, url: str, place: Place) -> Stand:
        return PutStand(tmp_path, url, place)


def test_key_and_token_go_over_the_wire(stand: PutStand, place: Place) -> None:
    stand.write(claim(7, effect_key="abc-1"), "one")
    (headers,) = place.seen
    assert headers["X-Bydawn-Token"] == "7"
    assert headers["Idempotency-Key"].startswith("abc-1-")
    assert headers["If-None-Match"] == "*"


def test_it_says_what_the_target_showed(stand: PutStand, place: Place) -> None:
    assert stand.gate().guarantee is Guarantee.BLIND
    place.knows_etags = False
    stand.write(claim(1), "one")
    assert stand.gate().guarantee is Guarantee.BLIND
    place.knows_etags = True
    stand.write(claim(2), "two")
    assert stand.gate().guarantee is Guarantee.KEYED


def test_what_another_machine_wrote_meanwhile_is_not_overwritten(
    stand: PutStand, place: Place
) -> None:
    stand.write(claim(1), "one")
    place.content = b"theirs"
    with pytest.raises(Fenced, match="412"):
        stand.write(claim(2), "two")
    assert stand.read() == "theirs"


def test_what_was_there_before_us_is_a_persons_question(stand: PutStand, place: Place) -> None:
    place.content = b"theirs"
    with pytest.raises(Refused, match="never put there"):
        stand.write(claim(1), "one")
    stand.gate().adopt(claim(2))
    stand.write(claim(3), "ours")
    assert stand.read() == "ours"


def test_a_put_whose_answer_was_lost_is_found_to_have_been_done(
    stand: PutStand, place: Place
) -> None:
    place.drops = 1
    with pytest.raises(PublishError, match="no answer") as told:
        stand.write(claim(1, effect_key="e"), "one")
    assert not told.value.hopeless
    stand.write(claim(2, effect_key="e"), "one")
    seen = stand.gate().look()
    assert seen is not None
    assert (seen.applied, seen.claim.token) == (True, 2)
    stand.write(claim(3), "three")
    assert stand.read() == "three"


def test_a_put_is_repeated_only_where_nobody_else_wrote_meanwhile(
    stand: PutStand, place: Place
) -> None:
    """It used to go out without a condition, over whatever had come there since."""
    place.drops = 1
    with pytest.raises(PublishError, match="no answer"):
        stand.write(claim(1, effect_key="e"), "one")
    place.content = b"theirs"
    for _ in range(2):
        with pytest.raises(Refused, match="never put there"):
            stand.write(claim(2, effect_key="e"), "one")
    assert stand.read() == "theirs"


def test_a_post_whose_answer_was_lost_is_never_repeated_blindly(
    post: PutStand, place: Place
) -> None:
    place.drops = 1
    with pytest.raises(PublishError, match="no answer"):
        post.write(claim(1, effect_key="e"), "pay")
    for _ in range(2):
        with pytest.raises(Refused, match="nobody knows"):
            post.write(claim(2, effect_key="e"), "pay")
    assert len(place.seen) == 1


def test_a_post_is_handed_in_once_per_effect_whatever_the_draft_says(
    post: PutStand, place: Place
) -> None:
    assert post.write(claim(1, effect_key="e"), "pay 5")
    assert not post.write(claim(2, effect_key="e"), "pay 6")
    assert post.write(claim(3, effect_key="f"), "pay 7")
    assert [headers["X-Bydawn-Token"] for headers in place.seen] == ["1", "3"]


@pytest.mark.parametrize(("code", "hopeless"), [(429, False), (403, True), (422, True)])
def test_a_definite_no_leaves_nothing_in_doubt(
    post: PutStand, place: Place, code: int, hopeless: bool
) -> None:
    place.answers = [code]
    with pytest.raises(PublishError, match=str(code)) as told:
        post.write(claim(1, effect_key="e"), "pay")
    assert told.value.hopeless is hopeless
    assert post.write(claim(1, effect_key="e"), "pay")


@pytest.mark.parametrize("code", [409, 412])
def test_a_conflict_is_a_fence(post: PutStand, place: Place, code: int) -> None:
    post.write(claim(1, effect_key="d"), "pay")
    place.answers = [code]
    with pytest.raises(Fenced):
        post.write(claim(2, effect_key="e"), "pay")


def test_a_server_that_is_not_there_was_told_nothing(tmp_path: Path) -> None:
    (tmp_path / "d").write_text("x")
    gate = RequestGate("POST", "http://127.0.0.1:9/x", tmp_path / "state")
    for _ in range(2):
        with pytest.raises(PublishError, match="cannot be reached"):
            gate.publish(tmp_path, "d", claim(1, effect_key="e"))


def test_neither_password_nor_query_is_ever_said(tmp_path: Path) -> None:
    (tmp_path / "d").write_text("x")
    gate = RequestGate("PUT", "http://me:geheim@127.0.0.1:9/x?key=geheim", tmp_path / "state")
    with pytest.raises(PublishError) as told:
        gate.publish(tmp_path, "d", claim(1))
    kept = b"".join(p.read_bytes() for p in (tmp_path / "state").rglob("*") if p.is_file())
    assert "geheim" not in gate.target + str(told.value)
    assert b"geheim" not in kept


@pytest.mark.parametrize("words", [("GET", "http://x/"), ("PUT", "ftp://x/"), ("PUT", "/x")])
def test_only_puts_and_posts_over_http(words: tuple[str, str], tmp_path: Path) -> None:
    with pytest.raises(PublishError, match="write it as"):
        RequestGate(*words, tmp_path)
