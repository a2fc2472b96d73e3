"""Antigravity: ``agy -p`` in the foreground. Its own idea of success is believed least of all."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, ClassVar

from bydawn.backends.agents.agent import AgentBackend, given_words, model_words, unless_given
from bydawn.backends.agents.readiness import Program
from bydawn.backends.agents.transcript import Ending, Transcript, entries, number, text, usage
from bydawn.core.sightings import Failure, FailureClass, Request

_OUT_OF_TIME = re.compile(r"^\[agy\] print timeout after .*", re.MULTILINE)
# Its own limit returns half an answer as a success, so ours has to be the one that counts.
_LONGER_MS = 300_000


def _nobody_can_tell(path: str, environment: Mapping[str, str]) -> bool | None:
    """The log-in is in the system's keyring."""
    del path, environment
    return None


class AgyBackend(AgentBackend):
    """Edits in its own folder are allowed."""

    name = "agy"
    program: ClassVar[Program] = Program(
        name="agy",
        oldest=(1, 1, 8),
        install="install the Antigravity CLI, or run `agy update`",
        log_in="run `agy` once and log in",
        passes=("DBUS_SESSION_BUS_ADDRESS",),
        keys=(),
        is_logged_in=_nobody_can_tell,
    )

    continues = True

    def words(self, request: Request, earlier: str) -> tuple[str, ...]:
        payload = request.payload
        limit = f"{(request.timeout_ms + request.grace_ms + _LONGER_MS) // 1000}s"
        free = "--dangerously-skip-permissions" in given_words(payload)
        mode = () if free else unless_given(payload, "--mode", "accept-edits")
        return (
            "agy", "--output-format", "stream-json",
            *unless_given(payload, "--print-timeout", limit), *mode,
            *(("--conversation", earlier) if earlier else ()),
            *model_words(payload, "--model"), *given_words(payload),
        )  # fmt: skip

    def prompted(self, prompt: str) -> tuple[str, ...]:
        return (f"-p={prompt}",)

    def transcript(self) -> Transcript:
        return _Transcript()


class _Transcript(Transcript):
    def __init__(self) -> None:
        super().__init__()
        self._envelope: dict[str, Any] = {}

    def take(self, event: dict[str, Any]) -> None:
        kind = event.get("event")
        if kind == "step_update":
            self.steps += 1
            self.question = _question(event)
        elif kind == "result" or (kind is None and "status" in event):
            self._finish(_envelope(event))
        self.session = text(event, "conversation_id") or self.session

    def _finish(self, envelope: dict[str, Any]) -> None:
        self.over, self._envelope = True, envelope
        self.text = text(envelope, "response")
        self.answer = envelope.get("structured_output")
        meter = envelope.get("usage")
        read = number(meter, "input_tokens")
        out = max(number(meter, "output_tokens"), number(meter, "total_tokens") - read)
        # A turn that was cut off says zero; that is no meter's word.
        if read or out:
            self.usage = usage(read, 0, 0, out, number(meter, "thinking_tokens"))

    def judge(self, ending: Ending) -> Failure | None:
        late = _OUT_OF_TIME.search(ending.log)
        if late:
            return Failure(FailureClass.TRANSIENT, "own_timeout", late[0][:300])
        if not self.over:
            return None
        denied = entries(self._envelope, "denied_actions") or self._envelope.get("denied_actions")
        if denied:
            message = f"it was not allowed to: {denied}"[:300]
            return Failure(FailureClass.PERMANENT, "denied", message)
        if text(self._envelope, "status") == "SUCCESS":
            return None
        said = self._envelope.get("error")
        message = said if isinstance(said, str) else text(said, "message")
        words = message or self.text or text(self._envelope, "status") or "it failed"
        return ending.said(words).failure(FailureClass.TRANSIENT, "error")


def _envelope(event: dict[str, Any]) -> dict[str, Any]:
    """The envelope, whether it is the event or lies inside it."""
    if "status" in event:
        return event
    inside = (each for each in event.values() if isinstance(each, dict) and "status" in each)
    return next(inside, {})


def _question(event: dict[str, Any]) -> str | None:
    """A step that waits for somebody; nobody is there at night."""
    waits = str(event.get("status") or event.get("state") or "").upper()
    if "WAITING" not in waits and "USER_INPUT" not in waits:
        return None
    return text(event, "text") or text(event, "description") or waits
