"""Gemini CLI: ``gemini -p`` with a stream of events and a session id of ours."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any, ClassVar

from bydawn.backends.agents.agent import (
    AgentBackend,
    given_words,
    model_words,
    session_of,
    unless_given,
)
from bydawn.backends.agents.readiness import Program
from bydawn.backends.agents.transcript import Ending, Transcript, number, text, usage
from bydawn.core.sightings import Failure, FailureClass, Request

_AUTH, _PERMANENT = FailureClass.AUTH, FailureClass.PERMANENT
_EXITS = {
    41: (_AUTH, "auth"),
    42: (_PERMANENT, "bad_input"),
    44: (_PERMANENT, "sandbox"),
    52: (_PERMANENT, "bad_settings"),
    53: (_PERMANENT, "turn_limit"),
    54: (_PERMANENT, "tool_failed"),
    55: (_PERMANENT, "untrusted_folder"),
}
_ENDS_IT = ("tool_loop", "turn_limit", "context_overflow")


def _is_logged_in(path: str, environment: Mapping[str, str]) -> bool | None:
    """It has no word for it: a log-in or a chosen account leaves one of these files."""
    del path
    home = os.path.join(environment.get("HOME", ""), ".gemini")
    return any(os.path.exists(os.path.join(home, name)) for name in _TRACES)


_TRACES = (
    "oauth_creds.json",
    "settings.json",
    "google_accounts.json",
    "/etc/gemini-cli/settings.json",
)


class GeminiCliBackend(AgentBackend):
    """Edits in its own folder are allowed; what else is, the user's policy says."""

    name = "gemini-cli"
    program: ClassVar[Program] = Program(
        name="gemini",
        oldest=(0, 60, 0),
        install="npm install -g @google/gemini-cli",
        log_in="run `gemini` once, or set GEMINI_API_KEY",
        passes=(
            "GEMINI_API_KEY", "GOOGLE_API_KEY", "GOOGLE_GEMINI_BASE_URL", "GOOGLE_CLOUD_PROJECT",
            "GOOGLE_CLOUD_LOCATION", "GOOGLE_GENAI_USE_VERTEXAI", "GOOGLE_GENAI_USE_GCA",
            "GOOGLE_APPLICATION_CREDENTIALS",
        ),
        keys=(
            "GEMINI_API_KEY", "GOOGLE_API_KEY", "GOOGLE_GENAI_USE_VERTEXAI",
            "GOOGLE_GENAI_USE_GCA",
        ),
        is_logged_in=_is_logged_in,
        settings={"NO_BROWSER": "true", "NO_COLOR": "1"},
    )  # fmt: skip

    def words(self, request: Request, earlier: str) -> tuple[str, ...]:
        del earlier  # It names sessions by their place in a list, which changes.
        payload = request.payload
        free = {"--yolo", "-y"} & set(given_words(payload))
        mode = () if free else unless_given(payload, "--approval-mode", "auto_edit")
        return (
            "gemini", "--output-format", "stream-json", "--skip-trust",
            *unless_given(payload, "--session-id", session_of(request)), *mode,
            *model_words(payload, "--model"), *given_words(payload),
        )  # fmt: skip

    def prompted(self, prompt: str) -> tuple[str, ...]:
        return (f"--prompt={prompt}",)

    def transcript(self) -> Transcript:
        return _Transcript()


class _Transcript(Transcript):
    def __init__(self) -> None:
        super().__init__()
        self._error = ""
        self._failed: str | None = None
        self._parts: list[str] = []

    def take(self, event: dict[str, Any]) -> None:
        kind = event.get("type")
        if kind == "message" and event.get("role") == "assistant":
            self.steps += 1
            if not event.get("delta"):
                self._parts.clear()
            self._parts.append(text(event, "content"))
        elif kind in ("tool_use", "tool_result"):
            self.steps += 1
            self._parts.clear()
        elif kind == "error":
            self._error = text(event, "message")
        elif kind == "result":
            self._finish(event)
        elif kind == "init":
            self.session = text(event, "session_id")

    def _finish(self, event: dict[str, Any]) -> None:
        self.over, self.text = True, "".join(self._parts)
        stats = event.get("stats")
        read = number(stats, "cached")
        # Thinking is billed as output and is only in the total.
        out = max(number(stats, "output_tokens"),
                  number(stats, "total_tokens") - number(stats, "input_tokens"))  # fmt: skip
        fresh = max(0, number(stats, "input_tokens") - read)
        if isinstance(stats, dict):
            self.usage = usage(fresh, read, 0, out, out - number(stats, "output_tokens"))
        if event.get("status") != "success":
            self._failed = text(event, "error", "message") or self._error or "it failed"

    def judge(self, ending: Ending) -> Failure | None:
        kind, code = _EXITS.get(ending.outcome.exit_code or 0, (FailureClass.TRANSIENT, "error"))
        if self._failed is not None:
            return ending.said(self._failed).failure(kind, code)
        # A loop it noticed ends the run as a success that is none.
        warned = ending.said(self._error).failure()
        if warned and warned.code in _ENDS_IT:
            return warned
        if kind is not FailureClass.TRANSIENT:
            return ending.said(_last_line(ending.log)).failure(kind, code)
        return None


def _last_line(log: str) -> str:
    return next((line for line in reversed(log.splitlines()) if line.strip()), "")
