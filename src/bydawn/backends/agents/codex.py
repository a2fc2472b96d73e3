"""Codex: ``codex exec --json`` in a home of its own, so that attempts never meet in one."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Mapping
from typing import Any, ClassVar

from bydawn.backends.agents.agent import AgentBackend, given_words, model_words, unless_given
from bydawn.backends.agents.continuing import folder_before
from bydawn.backends.agents.readiness import Program, asked_of
from bydawn.backends.agents.transcript import Ending, Transcript, number, text, usage
from bydawn.core.sightings import Failure, FailureClass, Request
from bydawn.processes.folder import make_private

# The account and the settings stay the user's: a log-in that is renewed is renewed for all.
_SHARED = ("auth.json", "config.toml", "AGENTS.md")


def _is_logged_in(path: str, environment: Mapping[str, str]) -> bool | None:
    said = asked_of((path, "login", "status"), environment)
    return said.code == 0 if said else None


class CodexBackend(AgentBackend):
    """Writes in its own folder are allowed, in Codex's own sandbox."""

    name = "codex"
    program: ClassVar[Program] = Program(
        name="codex",
        oldest=(0, 50, 0),
        install="npm install -g @openai/codex",
        log_in="run `codex login`, or set CODEX_API_KEY",
        passes=("CODEX_API_KEY", "OPENAI_API_KEY", "OPENAI_BASE_URL", "CODEX_HOME"),
        keys=("CODEX_API_KEY", "OPENAI_API_KEY"),
        is_logged_in=_is_logged_in,
    )

    continues = True
    goes_on_by = "resume"

    def words(self, request: Request, earlier: str) -> tuple[str, ...]:
        payload = request.payload
        free = "--dangerously-bypass-approvals-and-sandbox" in given_words(payload)
        sandbox = () if free else unless_given(payload, "--sandbox", "workspace-write")
        if "-s" in given_words(payload):
            sandbox = ()
        model = model_words(payload, "--model")
        session = ("resume", earlier) if earlier else ()
        return ("codex", "exec", "--json", "--skip-git-repo-check", *sandbox, *model,
                *given_words(payload), *session)  # fmt: skip

    def settings(self, request: Request) -> dict[str, str]:
        return {"CODEX_HOME": _home(request)}

    def prepare(self, request: Request) -> None:
        make_private(request.folder)
        earlier = folder_before(request)
        if earlier and os.path.isdir(f"{earlier}/codex"):
            # Sessions are found in the home they were begun in.
            with contextlib.suppress(FileExistsError):
                os.symlink(os.path.realpath(f"{earlier}/codex"), _home(request))
        make_private(_home(request))
        home = self._machine_environment.get("HOME", "")
        users = self._machine_environment.get("CODEX_HOME") or os.path.join(home, ".codex")
        for name in _SHARED:
            if os.path.exists(os.path.join(users, name)):
                with contextlib.suppress(FileExistsError):
                    os.symlink(os.path.join(users, name), os.path.join(_home(request), name))

    def transcript(self) -> Transcript:
        return _Transcript()


def _home(request: Request) -> str:
    return f"{request.folder}/codex"


class _Transcript(Transcript):
    def __init__(self) -> None:
        super().__init__()
        self._failed: str | None = None
        self._last_error = ""

    def take(self, event: dict[str, Any]) -> None:
        kind = text(event, "type")
        if kind.startswith("item."):
            self._item(kind, event.get("item"))
        elif kind == "turn.completed":
            self._completed(event.get("usage"))
        elif kind == "turn.failed":
            self._failed = text(event, "error", "message") or "the turn failed"
        elif kind == "error":
            # Also said of a line that breaks and is mended; only a failed turn is a failure.
            self._last_error = text(event, "message")
        elif kind == "thread.started":
            self.session = text(event, "thread_id")

    def _item(self, kind: str, item: Any) -> None:
        self.steps += 1
        if kind == "item.completed" and text(item, "type") == "agent_message":
            self.text = text(item, "text")

    def _completed(self, told: Any) -> None:
        self.over, self._failed = True, None
        read, written = (
            number(told, "cached_input_tokens"),
            number(told, "cache_write_input_tokens"),
        )
        fresh = max(0, number(told, "input_tokens") - read - written)
        thought = number(told, "reasoning_output_tokens")
        self.usage = usage(fresh, read, written, number(told, "output_tokens"), thought)

    def judge(self, ending: Ending) -> Failure | None:
        message = self._failed
        if message is None and not self.over and ending.outcome.exit_code:
            message = self._last_error or None
        if message is None:
            return None
        return ending.said(message).failure(FailureClass.TRANSIENT, "turn_failed")
