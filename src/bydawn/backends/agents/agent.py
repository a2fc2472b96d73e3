"""What all command-line agents do alike: a supervised run whose stdout is an envelope to be read.

How a run ended is worked out anew from its run folder by whoever looks at it, so a successor comes
to the same conclusion as the runner that launched it.
"""

from __future__ import annotations

import os
import threading
import uuid
from typing import Any, ClassVar

from bydawn.backends.agents.continuing import (
    INTERRUPTED,
    before,
    folder_before,
    less,
    session_to_continue,
)
from bydawn.backends.agents.readiness import Program, readiness
from bydawn.backends.agents.transcript import Transcript
from bydawn.backends.backend import Surroundings
from bydawn.backends.local import LocalBackend, environment_for, place_of, refusal, secrets_of
from bydawn.backends.workspaces import made_ready
from bydawn.core.sightings import (
    Alive,
    Capabilities,
    Ended,
    Guarantee,
    LaunchAnswer,
    Launched,
    LaunchRefused,
    Meter,
    Readiness,
    Request,
    Sighting,
    Usage,
)
from bydawn.processes.folder import ANSWER, RunFolder, open_plain
from bydawn.processes.lines import Lines
from bydawn.processes.outcomes import failure_told
from bydawn.processes.runs import Order
from bydawn.processes.spawn import SpawnFailed

_LINE_CAP = 16_000_000
_LOG_TAIL = 16_384
# Linux takes 131,071 bytes as one argument, and ours may hold a few words more.
_LONGEST_PROMPT = 130_000
_SESSIONS = uuid.UUID("5d6bfd0f-9d0c-5d4e-8b73-6f1f7a0e9c21")


class Reading:
    """One run's transcript and how far its answer has been read."""

    def __init__(self, transcript: Transcript) -> None:
        self.transcript = transcript
        self.lines = Lines(transcript.take, _LINE_CAP)
        self.guard = threading.Lock()


class AgentBackend(LocalBackend):
    """A program that is given a prompt, works in its folder, and says at the end how it went."""

    capabilities = Capabilities(
        guarantee=Guarantee.LOCAL_CLAIM, local=True, wants_result=True, reports=Meter.TOKENS
    )
    program: ClassVar[Program]
    continues: ClassVar[bool] = False
    # The word by which a run shows that its meter counts on from the attempt before it.
    goes_on_by: ClassVar[str] = ""

    def __init__(self, around: Surroundings) -> None:
        super().__init__(around)
        self._readings: dict[str, Reading] = {}

    def words(self, request: Request, earlier: str) -> tuple[str, ...]:
        """The program and its arguments but the prompt; ``earlier`` is the session to go on with,
        or empty."""
        raise NotImplementedError

    def prompted(self, prompt: str) -> tuple[str, ...]:
        """The prompt as arguments that no first character turns into something else."""
        return ("--", prompt)

    def settings(self, request: Request) -> dict[str, str]:
        """What its environment says beside everything every run is told."""
        del request
        return self.program.settings

    def transcript(self) -> Transcript:
        """An empty transcript of this vendor's."""
        raise NotImplementedError

    def prepare(self, request: Request) -> None:
        """Make ready what the program needs on disk; done again after a crash."""

    def readiness(self) -> Readiness:
        return readiness(self.program, self._machine_environment)

    def launch(self, request: Request) -> LaunchAnswer:
        prompt = str(request.payload.get("prompt") or "")
        if not prompt:
            return refusal("spawn", "there is no prompt")
        length = len(prompt.encode())
        if length > _LONGEST_PROMPT:
            message = f"the prompt has {length} bytes, the most is {_LONGEST_PROMPT}"
            return refusal("prompt_too_long", f"{message}: put it into a file and name that")
        in_the_way = made_ready(request, self._machine_environment)
        if in_the_way is not None:
            return in_the_way
        try:
            self.prepare(request)
        except OSError as error:
            failure = SpawnFailed.of(error, str(error.filename or request.folder))
            return LaunchRefused(failure_told(failure.kind, "spawn", failure.message))
        answer = self._runs.start(self._order(request, prompt))
        if isinstance(answer, Launched) and isinstance(answer.sighting, Ended):
            return Launched(answer.handle, self._read(answer.handle, answer.sighting))
        return answer

    def poll(self, handle: str) -> Sighting:
        return self._read(handle, self._runs.look(handle))

    def _order(self, request: Request, prompt: str) -> Order:
        machine, passed = self._machine_environment, self.program.passes
        earlier = self._earlier(request)
        asked = INTERRUPTED + prompt if earlier else prompt
        # A draft is no place of the repository that our own folder happens to lie in.
        settings = {"GIT_CEILING_DIRECTORIES": request.folder, **self.settings(request)}
        return Order(
            launch_key=request.launch_key,
            folder=request.folder,
            environment=environment_for(machine, request, passed, settings),
            timeout_ms=request.timeout_ms,
            grace_ms=request.grace_ms,
            send_by=request.send_by,
            secrets=secrets_of(request, filter(_is_secret, passed)),
            argv=(*self.words(request, earlier), *self.prompted(asked)),
            cwd=place_of(request),
            answers=True,
        )

    def _earlier(self, request: Request) -> str:
        earlier = folder_before(request) if self.continues else None
        if earlier is None or not RunFolder(earlier).is_claimed():
            return ""
        sighting = self.poll(os.path.relpath(earlier, self._runs.state_folder))
        if not isinstance(sighting, Ended):
            return ""
        return session_to_continue(self._whole(RunFolder(earlier)), sighting.outcome)

    def _read(self, handle: str, sighting: Sighting) -> Sighting:
        folder = RunFolder(os.path.join(self._runs.state_folder, handle))
        reading = self._readings.setdefault(handle, Reading(self.transcript()))
        with reading.guard:
            reading.lines.read_on(folder.file(ANSWER))
            if isinstance(sighting, Alive):
                return reading.transcript.seen(sighting)
            self._readings.pop(handle, None)
            if not isinstance(sighting, Ended):
                return sighting
        whole = self._whole(folder)
        whole.usage = less(whole.usage, self._counted_before(folder))
        return Ended(whole.ended(sighting.outcome, _spoken(folder)))

    def _counted_before(self, folder: RunFolder) -> Usage:
        """What of a session's meter was counted with the attempt before this one."""
        order, earlier = folder.who().get("order") or {}, before(folder.path)
        # … resume SESSION -- PROMPT
        if order.get("argv", [])[-4:-3] != [self.goes_on_by] or earlier is None:
            return Usage()
        return self._whole(RunFolder(earlier)).usage

    def _whole(self, folder: RunFolder) -> Transcript:
        """Read from the start: what a run printed past its cap is put together only at its end."""
        reading = Reading(self.transcript())
        reading.lines.read_on(folder.file(ANSWER))
        reading.lines.finish()
        return reading.transcript


def _is_secret(name: str) -> bool:
    """An address or a project is no secret, and may well be part of an answer."""
    return name.endswith(("_KEY", "_TOKEN"))


def session_of(request: Request) -> str:
    """The session id of one launch; another store has other ones for the same key."""
    return str(uuid.uuid5(_SESSIONS, f"{request.store_id}:{request.launch_key}"))


def given_words(payload: dict[str, Any]) -> tuple[str, ...]:
    """The job's own further arguments."""
    return tuple(str(word) for word in payload.get("argv") or ())


def unless_given(payload: dict[str, Any], *words: str) -> tuple[str, ...]:
    """An option and its value, unless the job's own arguments have that option."""
    names = {word.partition("=")[0] for word in given_words(payload)}
    return () if words[0] in names else words


def model_words(payload: dict[str, Any], option: str) -> tuple[str, ...]:
    return (option, str(payload["model"])) if payload.get("model") else ()


def _spoken(folder: RunFolder) -> str:
    """The last of what was printed beside the envelope, which is what the program says of
    itself."""
    try:
        with open_plain(folder.file("output.log")) as stream:
            stream.seek(max(0, os.fstat(stream.fileno()).st_size - _LOG_TAIL))
            lines = stream.read(_LOG_TAIL).decode(errors="replace").splitlines()
    except OSError:
        return ""
    return "\n".join(line for line in lines if not line.lstrip().startswith("{"))
