"""Any job service that speaks HTTP and JSON, by configuration alone."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from bydawn.backends.answers import classified_launch, needs_a_person, retry_after_ms
from bydawn.backends.backend import Backend, Surroundings
from bydawn.backends.filled import Filler
from bydawn.backends.listing import Listing
from bydawn.backends.paths import at_path, text_at
from bydawn.backends.readings import pace_of, reading_of
from bydawn.backends.unseen import Unseen
from bydawn.backends.wire import (
    Call,
    Impossible,
    Oversized,
    Reply,
    Unanswered,
    Unsent,
    Untrusted,
    Wire,
)
from bydawn.core.by_key import by_key_alone
from bydawn.core.errors import TemplateError
from bydawn.core.lengths import parse_length
from bydawn.core.offers import kept_ms
from bydawn.core.sightings import (
    Absent,
    Alive,
    CancelAnswer,
    Capabilities,
    Failure,
    FailureClass,
    FindAnswer,
    Found,
    Guarantee,
    LaunchAnswer,
    Launched,
    LaunchRefused,
    LaunchUnclear,
    Readiness,
    Request,
    Sighting,
    Unknown,
)

if TYPE_CHECKING:
    from bydawn.backends.job_tables import HttpCall, HttpJobsTable

_GONE = (404, 410)
_LATE_MS = 200


def guarantee_of(table: Mapping[str, Any]) -> Guarantee:
    """A key header makes launching again harmless; a way to find makes it unnecessary."""
    if table.get("key_header"):
        return Guarantee.KEYED
    return Guarantee.SEARCHABLE if table.get("find") else Guarantee.BLIND


class HttpJobs(Backend):
    """One table ``[backends.X]`` of type http-jobs. All its calls share one pool of connections."""

    name = "http-jobs"

    def __init__(self, around: Surroundings) -> None:
        from bydawn.backends.job_tables import HttpJobsTable

        said = {key: around.options[key] for key in around.options if key != "type"}
        self._table: HttpJobsTable = HttpJobsTable.model_validate(said)
        self._clock = around.clock
        self._filler = Filler(said, around.environment)
        self._reading = reading_of(self._table)
        self._wire = Wire(parse_length(self._table.timeout))
        settle = parse_length(self._table.settle)
        # What is sent at the last moment may arrive as late as its call may take.
        self._sure_ms = parse_length(self._table.key_keeps) - parse_length(self._table.timeout)
        self._unseen = Unseen(around.clock, settle)
        self._pace = pace_of(self._table.poll_every)
        self._listing = Listing(around.clock, self._listed) if self._table.listing else None
        self.capabilities = Capabilities(
            guarantee_of(said),
            wants_result=self._table.result_path is not None,
            settle_ms=settle,
            collects=bool(self._table.files),
            reports=self._reading.meter,
            keeps_ms=kept_ms(said),
        )

    def launch(self, request: Request) -> LaunchAnswer:
        within_ms = request.send_by - self._clock.boot_ms() if request.send_by else None
        if within_ms is not None and within_ms < _LATE_MS:
            return _refused(FailureClass.TRANSIENT, "late", "its lease was about to end")
        try:
            call = self._launch_call(request)
            reply = self._wire.send(call, within_ms)
        except (TemplateError, Impossible, ValueError) as error:
            return _refused(FailureClass.PERMANENT, "request", self._harmless(str(error)))
        except Untrusted as error:
            return _refused(FailureClass.AUTH, "tls", self._harmless(str(error)))
        except Unsent as error:
            return _refused(FailureClass.TRANSIENT, "unreachable", self._harmless(str(error)))
        except Unanswered as error:
            return LaunchUnclear(self._harmless(str(error)))
        return self._launched(reply)

    def find(self, request: Request) -> FindAnswer:
        if self._table.find is None:
            return self._by_key_alone(request)
        reply = self._wire.send(self._for_launch(self._table.find, request))
        if reply.code in _GONE:
            return Absent()
        if not reply.is_good:
            raise Unanswered(self._harmless(f"HTTP {reply.code}: {reply.words}"))
        return self._found(reply.document(), request.launch_key)

    def _by_key_alone(self, request: Request) -> FindAnswer:
        """Launching again under the same key is what a keyed service is for, while it knows it."""
        if self.capabilities.guarantee is not Guarantee.KEYED:
            return Unknown("this service can neither be searched nor knows our keys")
        return by_key_alone(request, self._clock.utc_ms(), self._sure_ms)

    def poll(self, handle: str) -> Sighting:
        shown = self._listing.job(handle) if self._listing else None
        sighting = self._reading.sighting(shown) if shown is not None else None
        if sighting is not None:
            return self._unseen.seen(handle, self._pace.paced(handle, sighting))
        return self._looked_up(handle)

    def _looked_up(self, handle: str) -> Sighting:
        """A look at this one run."""
        try:
            reply = self._wire.send(self._for_run(self._table.poll, handle))
        except (Impossible, Untrusted, Oversized) as error:
            return self._unseen.useless(handle, self._harmless(str(error)))
        except (Unsent, Unanswered) as error:
            return self._unseen.away(handle, self._harmless(str(error)))
        if reply.is_good:
            return self._seen(handle, reply)
        return self._not_shown(handle, reply)

    def cancel(self, handle: str, reason: str) -> CancelAnswer:
        del reason
        if self._table.cancel is None:
            return CancelAnswer(False, "the table has no cancel")
        try:
            reply = self._wire.send(self._for_run(self._table.cancel, handle))
        except (Unsent, Unanswered) as error:
            return CancelAnswer(False, self._harmless(str(error)))
        if self._listing:
            self._listing.forget()
        # What is over or gone needs no cancel: the next look tells.
        was_heard = reply.is_good or reply.code in (*_GONE, 409)
        return CancelAnswer(was_heard, self._harmless(f"HTTP {reply.code}: {reply.words}"))

    def collect(self, request: Request, handle: str, folder: str) -> Failure | None:
        del request
        for name, call in self._table.files.items():
            reply = self._wire.send(self._for_run(call, handle))
            if not reply.is_good:
                words = self._harmless(f"{name}: HTTP {reply.code}: {reply.words}")
                kind = FailureClass.PERMANENT if reply.code in _GONE else FailureClass.TRANSIENT
                return Failure(kind, "not_collected", words)
            target = Path(folder, name)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(reply.body)
        return None

    def readiness(self) -> Readiness:
        missing = self._filler.missing
        if missing:
            return Readiness(why_not=f"{', '.join(missing)} is not set: set it where bydawn runs")
        return Readiness()

    def close(self) -> None:
        self._wire.close()

    def _launch_call(self, request: Request) -> Call:
        once = self.capabilities.guarantee is Guarantee.BLIND
        header = self._table.key_header
        key = {header: request.launch_key} if header else {}
        return self._for_launch(self._table.launch, request, key, once)

    def _for_launch(
        self,
        said: HttpCall,
        request: Request,
        more: Mapping[str, str] | None = None,
        once: bool = False,
    ) -> Call:
        fill = self._filler.for_launch
        body = fill(said.body, request)
        headers = {**fill(said.headers, request), **(more or {})}
        return _call(said.method, fill(said.url, request), headers, body, once)

    def _for_run(self, said: HttpCall, handle: str) -> Call:
        fill = self._filler.for_run
        # A handle comes from the service; in an address it is one part of a path, whatever it says.
        url = fill(said.url, quote(handle, safe=""))
        headers = fill(said.headers, handle) if said.headers else {}
        body = None if said.body is None else fill(said.body, handle)
        return _call(said.method, url, headers, body)

    def _launched(self, reply: Reply) -> LaunchAnswer:
        if not reply.is_good:
            after = retry_after_ms(reply.retry_after, self._clock.utc_ms())
            words = self._harmless(reply.words)
            return classified_launch(reply.code, words, after, self._table.refused_status)
        try:
            handle = text_at(reply.document(), self._table.id_path)
        except Unanswered as error:
            return LaunchUnclear(self._harmless(str(error)))
        if not handle.strip("."):
            return LaunchUnclear(f'its answer has no "{self._table.id_path}"')
        return Launched(handle, self._pace.paced(handle, self._first(reply)))

    def _first(self, reply: Reply) -> Sighting:
        """What the answer to the launch itself shows of the run."""
        return self._reading.sighting(reply.document()) or Alive()

    def _found(self, document: Any, launch_key: str) -> FindAnswer:
        found = at_path(document, self._table.find_path or "")
        if not isinstance(found, list):
            handle = text_at({"id": found}, "id")
            return Found(handle) if handle else Absent()
        handles = [
            text_at(each, self._table.id_path)
            for each in found
            if self._table.key_path is None or text_at(each, self._table.key_path) == launch_key
        ]
        handles = [handle for handle in handles if handle]
        for surplus in handles[1:]:
            self.cancel(surplus, "a second run under one key")
        return Found(handles[0]) if handles else Absent()

    def _listed(self) -> Mapping[str, Any] | None:
        """Every job on the service's list, by its handle."""
        assert self._table.listing is not None
        try:
            reply = self._wire.send(self._for_run(self._table.listing, ""))
            found = at_path(reply.document(), self._table.list_path or "")
        except (Unsent, Unanswered):
            return None
        if not reply.is_good or not isinstance(found, list):
            return None
        return {text_at(each, self._table.id_path): each for each in found}

    def _seen(self, handle: str, reply: Reply) -> Sighting:
        try:
            document = reply.document()
        except Unanswered as error:
            return self._unseen.useless(handle, self._harmless(str(error)))
        sighting = self._reading.sighting(document)
        if sighting is None:
            why = f'its answer has no "{self._table.state_path}"'
            return self._unseen.useless(handle, why)
        return self._unseen.seen(handle, self._pace.paced(handle, sighting))

    def _not_shown(self, handle: str, reply: Reply) -> Sighting:
        why = self._harmless(f"HTTP {reply.code}: {reply.words}")
        if reply.code in _GONE:
            return self._unseen.unknown(handle, why)
        if needs_a_person(reply.code):
            return self._unseen.useless(handle, why, at_once=True)
        if reply.code == 429 or reply.code >= 500 or reply.code in (408, 425):
            after = retry_after_ms(reply.retry_after, self._clock.utc_ms())
            return self._unseen.away(handle, why, after)
        return self._unseen.useless(handle, why)

    def _harmless(self, words: str) -> str:
        return self._filler.without_secrets(words)


def _refused(kind: FailureClass, code: str, message: str) -> LaunchRefused:
    return LaunchRefused(Failure(kind, code, message))


def _call(method: str, url: str, headers: Mapping[str, str], said: Any, once: bool = False) -> Call:
    """A body that is one text is JSON written out; every other one becomes JSON here."""
    if said is None:
        return Call(method, url, dict(headers), once=once)
    text = json.dumps(json.loads(said) if isinstance(said, str) else said)
    return Call(method, url, {"Content-Type": "application/json", **headers}, text.encode(), once)
