"""Any program that starts a job elsewhere, prints its id and leaves: by configuration alone.

The submit is a run of its own under a supervisor and its claim, so it is made at most once, it ends
in time, and what it printed is there for whoever comes after a crash.
"""

from __future__ import annotations

import json
import os
import shutil
import threading
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bydawn.backends.backend import Backend, Surroundings
from bydawn.backends.filled import Filler
from bydawn.backends.local import refusal, secrets_of
from bydawn.backends.paths import MISSING, at_path, text_at
from bydawn.backends.readings import pace_of, reading_of
from bydawn.backends.unseen import Unseen
from bydawn.core.errors import TemplateError
from bydawn.core.lengths import parse_length
from bydawn.core.offers import kept_ms
from bydawn.core.sightings import (
    Absent,
    Alive,
    CancelAnswer,
    Capabilities,
    Ended,
    Failure,
    FailureClass,
    FindAnswer,
    Found,
    Guarantee,
    LaunchAnswer,
    Launched,
    LaunchRefused,
    LaunchUnclear,
    Outcome,
    Readiness,
    Request,
    Sighting,
    Unknown,
)
from bydawn.processes.environment import job_environment, passed_on
from bydawn.processes.outcomes import printable
from bydawn.processes.runs import Order
from bydawn.processes.tools import ask

if TYPE_CHECKING:
    from bydawn.backends.job_tables import CliAsyncTable

_LOOK_S = 0.02
_SUBMIT = "submit"


def guarantee_of(table: Mapping[str, Any]) -> Guarantee:
    """The claim makes a submit happen at most once here; a listing finds it from anywhere."""
    return Guarantee.SEARCHABLE if table.get("list") else Guarantee.LOCAL_CLAIM


class Unheard(Exception):
    """The program gave no answer of use."""


class CliAsync(Backend):
    """One table ``[backends.X]`` of type cli-async."""

    name = "cli-async"

    def __init__(self, around: Surroundings) -> None:
        from bydawn.backends.job_tables import CliAsyncTable

        said = {key: around.options[key] for key in around.options if key != "type"}
        self._table: CliAsyncTable = CliAsyncTable.model_validate(said)
        self._runs, self._environment = around.runs, around.environment
        self._filler = Filler(said, around.environment)
        self._reading = reading_of(self._table)
        self._pace = pace_of(self._table.poll_every)
        self._timeout_ms = parse_length(self._table.timeout)
        settle = parse_length(self._table.settle)
        self._unseen = Unseen(around.clock, settle)
        guarantee = guarantee_of(said)
        self.capabilities = Capabilities(
            guarantee,
            local=guarantee is Guarantee.LOCAL_CLAIM,
            wants_result=self._table.result_path is not None,
            settle_ms=settle if guarantee is Guarantee.SEARCHABLE else 0,
            reports=self._reading.meter,
            keeps_ms=kept_ms(said),
        )

    def launch(self, request: Request) -> LaunchAnswer:
        try:
            argv = self._filler.for_launch(self._table.submit, request)
        except TemplateError as error:
            return refusal("template", str(error))
        cwd = self._cwd(request)
        os.makedirs(cwd, mode=0o700, exist_ok=True)
        order = Order(
            launch_key=f"{request.launch_key}-submit-{request.token}",
            folder=self._submit_folder(request),
            environment=self._environment_for(request),
            timeout_ms=self._timeout_ms,
            grace_ms=request.grace_ms,
            send_by=request.send_by,
            secrets=secrets_of(request, self._table.pass_env),
            argv=tuple(argv),
            cwd=cwd,
        )
        answer = self._runs.start(order)
        if not isinstance(answer, Launched):
            return answer
        return self._submitted(order.folder, self._end_of(answer))

    def find(self, request: Request) -> FindAnswer:
        for folder in self._submits(request):
            found = self._runs.find(folder)
            if isinstance(found, Found):
                answer = self._submitted(folder, self._end_of(Launched(found.handle)))
                if isinstance(answer, Launched):
                    return Found(answer.handle)
                if self._table.listing is None:
                    return Unknown(getattr(answer, "detail", "the submit failed"))
        if self._table.listing is None:
            return Absent()  # nobody has the claim here, and runs of this kind live here only
        return self._listed(request)

    def poll(self, handle: str) -> Sighting:
        try:
            document = self._told(self._filler.for_run(self._table.poll, handle))
        except Unheard as error:
            return self._unseen.away(handle, str(error))
        except (ValueError, TemplateError) as error:
            return self._unseen.useless(handle, str(error))
        sighting = self._reading.sighting(document)
        if sighting is None:
            why = f'its answer has no "{self._table.state_path}"'
            return self._unseen.useless(handle, why)
        return self._unseen.seen(handle, self._pace.paced(handle, sighting))

    def cancel(self, handle: str, reason: str) -> CancelAnswer:
        del reason
        if self._table.cancel is None:
            return CancelAnswer(False, "the table has no cancel")
        try:
            self._output_of(self._filler.for_run(self._table.cancel, handle))
        except Unheard as error:
            return CancelAnswer(False, str(error))
        return CancelAnswer(True)

    def readiness(self) -> Readiness:
        missing = self._filler.missing
        if missing:
            return Readiness(why_not=f"{', '.join(missing)} is not set: set it where bydawn runs")
        path = self._environment.get("PATH")
        for program in (self._table.submit[0], self._table.poll[0]):
            if "{{" not in program and shutil.which(program, path=path) is None:
                return Readiness(why_not=f"{program} is not on PATH: install it")
        return Readiness()

    def _cwd(self, request: Request) -> str:
        said = request.payload.get("cwd")
        if said:
            return os.path.join(request.plan_folder, os.path.expanduser(str(said)))
        return f"{request.folder}/draft"

    def _environment_for(self, request: Request) -> dict[str, str]:
        payload = request.payload
        env = {name: str(value) for name, value in (payload.get("env") or {}).items()}
        named = {*self._table.pass_env, *(payload.get("pass_env") or ())}
        return job_environment(self._environment, request, named, env)

    def _submit_folder(self, request: Request) -> str:
        """Where the claim excludes every other submit, for good. A listing allows another one once
        it has shown that nothing came of the first; it is another intention's."""
        if self._table.listing is None:
            return f"{request.folder}/{_SUBMIT}"
        return f"{request.folder}/{_SUBMIT}-{request.token}"

    def _submits(self, request: Request) -> list[str]:
        return sorted(str(path) for path in Path(request.folder).glob(f"{_SUBMIT}*"))

    def _end_of(self, started: Launched) -> Sighting:
        """The end of a submit; its supervisor bounds it, whatever it does."""
        sighting = started.sighting or self._runs.look(started.handle)
        pause = threading.Event()
        while isinstance(sighting, Alive):
            pause.wait(_LOOK_S)
            sighting = self._runs.look(started.handle)
        return sighting

    def _submitted(self, folder: str, end: Sighting) -> LaunchAnswer:
        """What a submit that is over says about the job."""
        if not isinstance(end, Ended):
            return LaunchUnclear("the supervisor of the submit died")
        if end.outcome.failure is not None:
            return self._not_submitted(end.outcome)
        printed = _printed(folder)
        handle = text_at(_document(printed), self._table.id_path)
        if not handle:
            words = printable(printed[:400].decode("utf-8", "replace"))
            return LaunchUnclear(f'the submit printed no "{self._table.id_path}": {words}')
        return Launched(handle, self._pace.paced(handle, Alive()))

    def _not_submitted(self, outcome: Outcome) -> LaunchRefused | LaunchUnclear:
        failure, code = outcome.failure, outcome.exit_code
        assert failure is not None
        words = self._filler.without_secrets(failure.message or failure.code)
        if code is None and not outcome.stopped and outcome.started_at is None:
            return LaunchRefused(Failure(failure.kind, failure.code, words))
        if code in self._table.refused_exit and not outcome.stopped:
            return LaunchRefused(Failure(FailureClass.TRANSIENT, f"exit_{code}", words))
        return LaunchUnclear(f"the submit ended with {failure.code}: {words}")

    def _listed(self, request: Request) -> FindAnswer:
        """Unheard, and with it no answer at all, where the listing was not whole."""
        table = self._table
        document = self._told(self._filler.for_launch(table.listing, request))
        found = at_path(document, table.list_path or "")
        if not isinstance(found, list):
            raise Unheard(f'the listing has no list at "{table.list_path}"')
        handles = [
            text_at(each, table.id_path)
            for each in found
            if text_at(each, table.key_path or "") == request.launch_key
        ]
        for surplus in handles[1:]:
            self.cancel(surplus, "a second job under one key")
        return Found(handles[0]) if handles and handles[0] else Absent()

    def _told(self, argv: Sequence[str]) -> Any:
        document = _document(self._output_of(argv))
        if document is MISSING:
            raise ValueError(f"{argv[0]} printed no JSON")
        return document

    def _output_of(self, argv: Sequence[str]) -> bytes:
        """What it printed; Unheard where it failed or took too long."""
        environment = passed_on(self._environment, self._table.pass_env)
        try:
            folder = self._runs.state_folder.parent
            answered = ask(list(argv), folder, environment, timeout_ms=self._timeout_ms)
        except OSError as error:
            raise Unheard(f"{argv[0]} cannot be started: {error.strerror}") from None
        if answered.code is None:
            raise Unheard(f"{argv[0]} did not answer within {self._timeout_ms / 1000:g} s")
        if answered.code != 0:
            words = self._filler.without_secrets(printable(answered.complaint))
            raise Unheard(f"{argv[0]} ended with exit {answered.code}: {words}")
        return answered.output


def _printed(folder: str) -> bytes:
    try:
        return Path(folder, "output.log").read_bytes()
    except FileNotFoundError:
        return b""


def _document(printed: bytes) -> Any:
    """The JSON a program printed, alone or as the last line that is a table or a list."""
    text = printed.decode("utf-8", "replace")
    for candidate in (text, *_lines_from_end(text)):
        try:
            document = json.loads(candidate)
        except (ValueError, RecursionError):
            continue
        if isinstance(document, dict | list):
            return document
    return MISSING


def _lines_from_end(text: str) -> Iterator[str]:
    return (line for line in reversed(text.splitlines()) if line.lstrip().startswith(("{", "[")))
