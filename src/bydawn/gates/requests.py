"""Publish by an HTTP request: PUT puts a file's bytes at an address, POST hands them in once.

A server keeps no fence record of ours, so it stands in this machine's state folder, and what goes
over the wire lets the server decide as well: ``Idempotency-Key``, ``X-Bydawn-Token``, and
``If-Match`` with the ETag that our last publication was answered with. What that is worth depends
on the server, and is read from its answers: keyed where it shows that it heeds one of these, else
blind. A request to a blind target whose answer was lost is never repeated without a person.
"""

from __future__ import annotations

import hashlib
import json
import mimetypes
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import SplitResult, urlsplit

from bydawn.core.addresses import sign_in
from bydawn.core.errors import Fenced
from bydawn.core.fencing import (
    Claim,
    FenceRecord,
    admit,
    asks_for_a_person,
    is_done,
    is_same_effect,
)
from bydawn.core.values import value
from bydawn.gates.beside import PATIENCE_MS, Beside
from bydawn.gates.drafts import bytes_inside
from bydawn.gates.gate import Guarantee, PublishError, Receipt, Steps, no_steps

if TYPE_CHECKING:
    from http.client import HTTPConnection, HTTPResponse

_MOST_BYTES = 256 << 20
_TIMEOUT_S = 30
_FENCED = (409, 412)
_MAYBE_LATER = (408, 425, 429)
_MAYBE_DONE = (408, 425)
_SHOWS_KEY = ("idempotency-key", "idempotency-replayed", "x-bydawn-token")


@value
class Answer:
    """What a server said. ``code`` 0: it was never reached; -1: nobody knows whether it acted."""

    code: int
    etag: str = ""
    heeds_key: bool = False
    body: bytes = b""
    words: str = ""

    @property
    def is_good(self) -> bool:
        return 200 <= self.code < 300

    @property
    def is_in_doubt(self) -> bool:
        return self.code == -1 or self.code in _MAYBE_DONE or self.code >= 500


class RequestGate:
    """One address. ``state_folder`` is where the record of it is kept."""

    def __init__(
        self,
        method: str,
        url: str,
        state_folder: Path,
        patience_ms: int = PATIENCE_MS,
        steps: Steps = no_steps,
    ) -> None:
        self._method, self._url = method, _checked(method, url)
        self._steps = steps
        self.target = f"{method} {_shown(self._url)}"
        name = hashlib.sha256(self.target.encode() + self._url.query.encode()).hexdigest()[:32]
        self._beside = Beside(
            Path(self.target), patience_ms, steps, folder=state_folder / "addresses" / name
        )

    @property
    def guarantee(self) -> Guarantee:
        """As far as the target has shown; blind until it has."""
        seen = self._beside.read()
        return Guarantee.KEYED if seen and _known(seen).heeds_key else Guarantee.BLIND

    def publish(self, draft: Path, source: str, claim: Claim, has_history: bool = False) -> Receipt:
        """Send ``source`` of the draft, unless this effect is there already."""
        body = bytes_inside(draft, source, _MOST_BYTES)
        digest = hashlib.sha256(body).hexdigest()
        self._steps("read")
        try:
            with self._beside.held(str(claim)):
                seen = self._beside.believed()
                admit(seen, claim, self.target, has_history)
                self._steps("compared")
                if self._stands(seen, claim, digest):
                    return Receipt(self.target, (seen or FenceRecord(claim)).sha256, written=False)
                return self._send(seen, FenceRecord(claim, digest), source, body)
        except OSError as error:
            raise PublishError(f"{self.target}: {error.strerror}") from error

    def look(self) -> FenceRecord | None:
        return self._beside.read()

    def adopt(self, claim: Claim) -> FenceRecord:
        with self._beside.held(str(claim)):
            answer = self._ask("GET", {}, b"") if self._method == "PUT" else Answer(404)
            digest = hashlib.sha256(answer.body).hexdigest() if answer.is_good else ""
            record = FenceRecord(claim, digest, applied=True, receipt=_receipt(answer))
            self._beside.write(record)
            return record

    def _stands(self, seen: FenceRecord | None, claim: Claim, digest: str) -> bool:
        """What was handed in under an effect key stays that, whatever the draft says now."""
        if self._method == "POST" and seen is not None and seen.applied:
            return is_same_effect(seen, claim)
        return is_done(seen, claim, digest)

    def _send(
        self, seen: FenceRecord | None, record: FenceRecord, source: str, body: bytes
    ) -> Receipt:
        was_sent = seen is not None and not seen.applied
        if seen is not None and was_sent:
            self._refuse_doubt(seen, record)
        known = _known(seen)
        self._beside.write(replace(record, receipt=seen.receipt if seen else ""))
        self._steps("installed")
        answer = self._ask(self._method, self._headers(record, known, seen, source), body)
        self._steps("sent")
        if answer.code == 412 and was_sent and (found := self._found(record.sha256)):
            answer = found
        if answer.is_good:
            self._beside.write(record.as_applied(_receipt(answer)))
            self._steps("noted")
            return Receipt(self.target, record.sha256, written=True, proof=answer.etag)
        return self._refused(answer, seen, record)

    def _refuse_doubt(self, seen: FenceRecord, record: FenceRecord) -> None:
        """A repeated PUT does no harm; a repeated POST does, unless the target drops it by key."""
        may_repeat = is_same_effect(seen, record.claim) and _known(seen).heeds_key
        if self._method == "POST" and not may_repeat:
            raise asks_for_a_person(
                self.target, f"nobody knows whether the request of {seen.claim} was carried out"
            )

    def _headers(
        self, record: FenceRecord, known: Answer, seen: FenceRecord | None, source: str
    ) -> dict[str, str]:
        claim = record.claim
        effect = claim.effect_key or f"{claim.store}-{claim.token}-{record.sha256[:16]}"
        place = hashlib.sha256(self.target.encode()).hexdigest()[:8]
        headers = {
            "Content-Type": mimetypes.guess_type(source)[0] or "application/octet-stream",
            "Idempotency-Key": f"{effect}-{place}",
            "X-Bydawn-Token": str(claim.token),
        }
        if self._method == "PUT" and known.etag:
            headers["If-Match"] = known.etag
        elif self._method == "PUT" and _is_unanswered(seen):
            headers["If-None-Match"] = "*"
        return headers

    def _refused(self, answer: Answer, seen: FenceRecord | None, record: FenceRecord) -> Receipt:
        said = f"{self.target}: {answer.words}"
        if answer.is_in_doubt:
            raise PublishError(said)
        # Nothing happened: what stood there before still does, under the higher number.
        claim = replace(record.claim, effect_key="")
        kept = replace(seen, claim=claim, applied=True) if seen else None
        self._forget_intent(kept)
        if answer.code == 412 and _is_unanswered(seen):
            raise asks_for_a_person(self.target, "holds something that this store never put there")
        if answer.code in _FENCED:
            raise Fenced(f"{said}: somebody else has written there; nothing was changed")
        raise PublishError(said, hopeless=answer.code not in (0, *_MAYBE_LATER))

    def _forget_intent(self, kept: FenceRecord | None) -> None:
        if kept is None:
            self._beside.file("json").unlink()
        else:
            self._beside.write(kept)

    def _found(self, digest: str) -> Answer | None:
        """Our own earlier request was carried out, though its answer was lost."""
        answer = self._ask("GET", {}, b"")
        is_ours = answer.is_good and hashlib.sha256(answer.body).hexdigest() == digest
        return answer if is_ours else None

    def _ask(self, method: str, headers: dict[str, str], body: bytes) -> Answer:
        from http.client import HTTPException  # with TLS behind it, and few runs need it

        connection = _connection(self._url)
        try:
            connection.connect()
        except OSError as error:
            return Answer(0, words=f"cannot be reached ({error})")
        try:
            path = self._url.path or "/"
            query = f"?{self._url.query}" if self._url.query else ""
            connection.request(method, path + query, body, {**headers, **_sign_in(self._url)})
            return _answer(connection.getresponse())
        except (OSError, HTTPException) as error:
            return Answer(-1, words=f"gave no answer ({type(error).__name__})")
        finally:
            connection.close()


def _checked(method: str, url: str) -> SplitResult:
    found = urlsplit(url)
    if method not in ("PUT", "POST") or found.scheme not in ("http", "https"):
        raise PublishError(
            f'{method} {_shown(found)}: write it as "PUT https://…" or "POST https://…"',
            hopeless=True,
        )
    return found


def _shown(url: SplitResult) -> str:
    """Without a password, and without a query that may hold one."""
    host = url.netloc.rpartition("@")[2]
    return f"{url.scheme}://{host}{url.path}"


def _connection(url: SplitResult) -> HTTPConnection:
    from http.client import HTTPConnection, HTTPSConnection

    kind = HTTPSConnection if url.scheme == "https" else HTTPConnection
    return kind(url.hostname or "", url.port, timeout=_TIMEOUT_S)


def _sign_in(url: SplitResult) -> dict[str, str]:
    told = sign_in(url.username, url.password)
    return {"Authorization": told} if told else {}


def _answer(response: HTTPResponse) -> Answer:
    body = response.read(_MOST_BYTES)
    shows = any(response.headers.get(name) for name in _SHOWS_KEY)
    etag = response.headers.get("ETag", "")
    words = f"answered {response.status} {response.reason}"
    return Answer(response.status, etag, shows or bool(etag), body, words)


def _receipt(answer: Answer) -> str:
    return json.dumps({"etag": answer.etag, "heeds_key": answer.heeds_key})


def _is_unanswered(seen: FenceRecord | None) -> bool:
    """Whether the target has never said that it took anything of ours."""
    return seen is None or not seen.receipt


def _known(seen: FenceRecord | None) -> Answer:
    """What earlier answers told about the target."""
    if seen is None or not seen.receipt:
        return Answer(0)
    told = json.loads(seen.receipt)
    return Answer(0, str(told.get("etag", "")), bool(told.get("heeds_key")))
