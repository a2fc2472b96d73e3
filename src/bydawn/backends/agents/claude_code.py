"""Claude Code: ``claude -p`` with a stream of events, its own session id, and its own budget."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Any, ClassVar

from bydawn.backends.agents.agent import (
    AgentBackend,
    given_words,
    model_words,
    session_of,
    unless_given,
)
from bydawn.backends.agents.readiness import Program, asked_of
from bydawn.backends.agents.transcript import Ending, Transcript, entries, number, text, usage
from bydawn.core.sightings import Failure, FailureClass, Meter, Request, Usage

_CUT_OFF = {
    "error_max_budget_usd": "budget",
    "error_max_turns": "turn_limit",
    "error_max_structured_output_retries": "unmet",
}
_ASKS = frozenset({"AskUserQuestion", "ExitPlanMode"})


def _is_logged_in(path: str, environment: Mapping[str, str]) -> bool | None:
    said = asked_of((path, "auth", "status"), environment)
    if said is None or said.code not in (0, 1):
        return None
    return b'"loggedIn": false' not in said.output


class ClaudeCodeBackend(AgentBackend):
    """Edits in its own folder are allowed, anything else is what the user's settings allow."""

    name = "claude-code"
    capabilities = replace(AgentBackend.capabilities, reports=Meter.USD)
    program: ClassVar[Program] = Program(
        name="claude",
        oldest=(2, 1, 0),
        install="npm install -g @anthropic-ai/claude-code",
        log_in="run `claude auth login`, or set ANTHROPIC_API_KEY",
        passes=(
            "ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN", "ANTHROPIC_BASE_URL",
            "CLAUDE_CODE_OAUTH_TOKEN", "CLAUDE_CONFIG_DIR",
        ),
        keys=("ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN", "CLAUDE_CODE_OAUTH_TOKEN"),
        is_logged_in=_is_logged_in,
        settings={"DISABLE_AUTOUPDATER": "1", "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1"},
    )  # fmt: skip

    continues = True

    def words(self, request: Request, earlier: str) -> tuple[str, ...]:
        payload = request.payload
        given = given_words(payload)
        # A plan that turns persistence off, or continues a session of its own, names none of ours.
        own = {"--resume", "-r", "--continue", "-c"} & set(given)
        session = () if own else unless_given(payload, "--session-id", session_of(request))
        if earlier and session:
            session = ("--resume", earlier)
        return (
            "claude", "-p", "--output-format", "stream-json", "--verbose", *session,
            *unless_given(payload, "--permission-mode", "acceptEdits"),
            *model_words(payload, "--model"), *_budget(request), *given,
        )  # fmt: skip

    def transcript(self) -> Transcript:
        return _Transcript()


def _budget(request: Request) -> tuple[str, ...]:
    """What is left of the job's own budget; a job that is to cost nothing has no such limit."""
    if not request.budget_usd_micros:
        return ()
    left = Decimal(request.budget_usd_micros) / 1_000_000
    return unless_given(request.payload, "--max-budget-usd", f"{left:f}")


class _Transcript(Transcript):
    def __init__(self) -> None:
        super().__init__()
        self._envelope: dict[str, Any] = {}
        self._reset_at: int | None = None
        self._calls: dict[str, Usage] = {}

    @property
    def so_far(self) -> Usage:
        """The sum over its calls, each as it stood when its answer began."""
        total: Counter[str] = Counter()
        for call in self._calls.values():
            total.update(call.tokens)
        return Usage(dict(total))

    def take(self, event: dict[str, Any]) -> None:
        kind = event.get("type")
        if kind == "assistant":
            self._acted(event)
        elif kind == "user":
            self.steps += 1
            self.question = None
        elif kind == "rate_limit_event":
            self._limited(event.get("rate_limit_info"))
        elif kind == "result":
            self._finish(event)
        self.session = text(event, "session_id") or self.session

    def _acted(self, event: dict[str, Any]) -> None:
        message = event.get("message")
        if text(message, "model") != "<synthetic>":
            self.steps += 1
            self._calls[text(message, "id")] = _called(message)
        for part in entries(message, "content"):
            if part.get("name") in _ASKS:
                self.question = f"{part['name']}: {part.get('input')}"[:2000]

    def _limited(self, told: Any) -> None:
        reset = number(told, "resetsAt")
        if reset and text(told, "status") == "rejected":
            self._reset_at = reset if reset > 10**11 else reset * 1000

    def _finish(self, event: dict[str, Any]) -> None:
        self.over, self._envelope = True, event
        self.text = text(event, "result")
        self.answer = event.get("structured_output")
        self.usage = _usage(event)

    def judge(self, ending: Ending) -> Failure | None:
        result = self._envelope
        if not self.over:
            return None
        if result.get("is_error") is False and self._subtype() == "success":
            return None if self.text or self.answer is not None else _denied(result)
        errors = [each for each in result.get("errors") or () if isinstance(each, str)]
        message = self.text or "; ".join(errors) or self._subtype() or "it failed"
        if self._subtype() in _CUT_OFF:
            return Failure(FailureClass.PERMANENT, _CUT_OFF[self._subtype()], message[:300])
        code = number(result, "api_error_status") or None
        said = ending.said(message, code, self._reset_at)
        return said.failure(FailureClass.TRANSIENT, self._subtype() or "error")

    def _subtype(self) -> str:
        return text(self._envelope, "subtype")


def _denied(result: dict[str, Any]) -> Failure | None:
    """An empty answer because nothing was allowed is not tried again: nothing would be allowed."""
    denied = [text(each, "tool_name") for each in entries(result, "permission_denials")]
    if not denied:
        return None
    message = f"it was not allowed to use {', '.join(dict.fromkeys(denied))}; argv may allow it"
    return Failure(FailureClass.PERMANENT, "denied", message[:300])


def _called(message: Any) -> Usage:
    """What one call of the model had used when its answer began."""
    told = message.get("usage") if isinstance(message, dict) else None
    names = ("input_tokens", "cache_read_input_tokens", "cache_creation_input_tokens")
    fresh, read, written = (number(told, name) for name in names)
    return usage(fresh, read, written, number(told, "output_tokens"))


def _usage(event: dict[str, Any]) -> Usage:
    """By model, the sub-agents' ones included; the plain field has the main loop alone."""
    models = event.get("modelUsage")
    meters = list(models.values()) if isinstance(models, dict) else []
    names = ("inputTokens", "cacheReadInputTokens", "cacheCreationInputTokens", "outputTokens")
    fresh, read, written, out = (sum(number(each, name) for each in meters) for name in names)
    cost = event.get("total_cost_usd")
    return Usage() if cost is None else usage(fresh, read, written, out, cost=cost)
