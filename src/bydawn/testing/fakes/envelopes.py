"""What four command-line agents print, as it was seen of the real ones."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

_ROOM = "prompt is too long: 212345 tokens > 200000 maximum"


@dataclass(frozen=True)
class Troubled:
    """How a run that does not go well is printed."""

    code: int
    lines: list[str] = field(default_factory=list)
    errors: str = ""


class Vendor:
    """One program, started with ``words``. ``trouble`` raises KeyError for a scene it has not."""

    version_line = ""
    in_use_exit = 1

    def __init__(self, words: list[str]) -> None:
        self.words = words

    @property
    def prompt(self) -> str:
        return self.words[self.words.index("--") + 1]

    @property
    def session(self) -> str:
        return self.after("--session-id")

    def after(self, option: str) -> str:
        return self.words[self.words.index(option) + 1] if option in self.words else ""

    def in_use(self) -> str:
        return f"Error: Session ID {self.session} is already in use.\n"

    def log_in_line(self, is_in: bool) -> str:
        return "Logged in using an API key\n" if is_in else "Not logged in\n"

    def begin(self) -> list[str]:
        raise NotImplementedError

    def step(self, said: str) -> list[str]:
        raise NotImplementedError

    def end(self, answer: str) -> list[str]:
        raise NotImplementedError

    def trouble(self, scene: str) -> Troubled:
        raise NotImplementedError


def _lines(*events: Mapping[str, Any]) -> list[str]:
    return [json.dumps(event) + "\n" for event in events]


class Claude(Vendor):
    version_line = "2.1.197 (Claude Code)"
    _ERRORS: Mapping[str, tuple[int, str]] = {
        "auth": (401, "Invalid API key · Fix external API key"),
        "rate-limit": (429, "API Error: Request rejected (429) · too many requests"),
        "overloaded": (529, "API Error: 529 Overloaded. This is a server-side issue"),
        "unavailable": (503, "API Error: 503 the service is not there"),
        "bad-model": (404, "There's an issue with the selected model (nobody). It may not exist"),
        "overflow": (400, f"API Error: 400 {_ROOM}"),
        "invalid": (400, "API Error: 400 the request is not valid"),
        "quota": (429, "Claude AI usage limit reached|4102444800"),
        "credit": (400, "Credit balance is too low"),
        "refusal": (400, "API Error: unable to respond: this appears to violate our Usage Policy"),
    }

    def log_in_line(self, is_in: bool) -> str:
        return json.dumps({"loggedIn": is_in, "authMethod": "none"}, indent=2) + "\n"

    def begin(self) -> list[str]:
        return _lines({"type": "system", "subtype": "init", "session_id": "s", "tools": ["Edit"]})

    def step(self, said: str) -> list[str]:
        part = {"type": "text", "text": said}
        message = {"id": "msg_1", "model": "claude-sonnet-4-5", "content": [part]}
        return _lines({"type": "assistant", "message": message})

    def end(self, answer: str) -> list[str]:
        return _lines(self._result(result=answer))

    def trouble(self, scene: str) -> Troubled:
        if scene == "budget":
            cut = self._result(
                "error_max_budget_usd",
                True,
                errors=[f"Reached maximum budget (${self.after('--max-budget-usd')})"],
            )
            return Troubled(1, _lines(cut))
        if scene == "turns":
            return Troubled(1, _lines(self._result("error_max_turns", True)))
        if scene == "denied":
            denied = [{"tool_name": "Bash", "tool_input": {"command": "make"}}]
            return Troubled(0, _lines(self._result(result="", permission_denials=denied)))
        if scene == "limited":
            told = {"status": "rejected", "resetsAt": 4102444800}
            limited = {"type": "rate_limit_event", "rate_limit_info": told}
            cut = self._result("success", True, result="You've hit your limit", spent=False)
            return Troubled(1, _lines(limited, cut))
        http, said = self._ERRORS[scene]
        result = self._result("success", True, result=said, api_error_status=http, spent=False)
        return Troubled(1, _lines(result))

    def _result(
        self, subtype: str = "success", is_error: bool = False, *, spent: bool = True, **more: Any
    ) -> dict[str, Any]:
        meter = {"inputTokens": 900, "outputTokens": 20, "cacheReadInputTokens": 100,
                 "cacheCreationInputTokens": 0, "costUSD": 0.0125}  # fmt: skip
        return {
            "type": "result", "subtype": subtype, "is_error": is_error, "api_error_status": None,
            "num_turns": 1, "session_id": "s", "total_cost_usd": 0.0125 if spent else 0,
            "usage": {"input_tokens": 1, "output_tokens": 1},
            "modelUsage": {"claude-sonnet-4-5": meter} if spent else {},
            "permission_denials": [], "terminal_reason": "completed", **more,
        }  # fmt: skip


class Codex(Vendor):
    version_line = "codex-cli 0.169.0"
    _ERRORS: Mapping[str, str] = {
        "auth": "unexpected status 401 Unauthorized: invalid key, url: http://127.0.0.1/responses",
        "rate-limit": "exceeded retry limit, last status: 429 Too Many Requests",
        "overloaded": "unexpected status 503 Service Unavailable: overloaded, url: http://h/v1",
        "unavailable": "stream disconnected before completion: error sending request",
        "bad-model": '{"error": {"message": "The model `nobody` does not exist, or is not found"}}',
        "overflow": "Codex ran out of room in the model's context window.",
        "invalid": '{"type": "error", "error": {"type": "invalid_request_error", "code": 400}}',
        "quota": "You've hit your usage limit. Try again in 2 days 3 hours 5 minutes.",
        "credit": "Quota exceeded. Check your plan and billing details.",
        "refusal": '{"error": {"code": "invalid_prompt", "message": "flagged"}}',
    }

    def begin(self) -> list[str]:
        return _lines({"type": "thread.started", "thread_id": "t-1"}, {"type": "turn.started"})

    def step(self, said: str) -> list[str]:
        item = {"id": "item_0", "type": "agent_message", "text": said}
        return _lines({"type": "item.completed", "item": item})

    def end(self, answer: str) -> list[str]:
        # A session that is gone on with counts on.
        turns = 2 if "resume" in self.words else 1
        meter = {"input_tokens": 1000 * turns, "cached_input_tokens": 100 * turns,
                 "cache_write_input_tokens": 0, "output_tokens": 20 * turns,
                 "reasoning_output_tokens": 5 * turns}  # fmt: skip
        return [*(self.step(answer) if answer else ()),
                *_lines({"type": "turn.completed", "usage": meter})]  # fmt: skip

    def trouble(self, scene: str) -> Troubled:
        said = self._ERRORS[scene]
        again = {"type": "error", "message": "Reconnecting... 1/5"}
        failed = {"type": "turn.failed", "error": {"message": said}}
        lines = _lines(again, {"type": "error", "message": said}, failed)
        return Troubled(1, lines, "Reading additional input from stdin...\n")


class Gemini(Vendor):
    version_line = "0.61.0"
    in_use_exit = 42
    _ERRORS: Mapping[str, tuple[int, str]] = {
        "rate-limit": (173, "[API Error: too many requests (code: 429)]"),
        "overloaded": (247, '[API Error: {"error":{"message":"Overloaded","code":503}}]'),
        "unavailable": (1, "[API Error: fetch failed]"),
        "bad-model": (148, "[API Error: models/nobody is not found: unknown model]"),
        "overflow": (1, "Context window will overflow (estimated: 9, remaining: 1)"),
        "invalid": (144, '[API Error: {"error":{"message":"not valid","code":400}}]'),
        "quota": (1, "You have exhausted your daily quota on this model."),
        "credit": (1, "[API Error: quota exceeded. Your quota will reset after 14h32m10s.]"),
        "refusal": (1, "[API Error: PROHIBITED_CONTENT]"),
        "turns": (53, "Reached max session turns for this session."),
    }

    @property
    def prompt(self) -> str:
        return next(word for word in self.words if word.startswith("--prompt=")).partition("=")[2]

    def in_use(self) -> str:
        said = f'Error starting session: Session ID "{self.session}" already exists.'
        return f"{said} Use --resume to resume it, or provide a different ID.\n"

    def begin(self) -> list[str]:
        return _lines({"type": "init", "session_id": "s", "model": "gemini-2.5-flash"},
                      {"type": "message", "role": "user", "content": self.prompt})  # fmt: skip

    def step(self, said: str) -> list[str]:
        return _lines({"type": "tool_use", "tool_name": "read_file"},
                      {"type": "tool_result", "status": "success", "output": said})  # fmt: skip

    def end(self, answer: str) -> list[str]:
        halves = (answer[: len(answer) // 2], answer[len(answer) // 2 :])
        said = [{"type": "message", "role": "assistant", "content": half, "delta": True}
                for half in halves]  # fmt: skip
        return _lines(*said, {"type": "result", "status": "success", "stats": _GEMINI_STATS})

    def trouble(self, scene: str) -> Troubled:
        if scene == "auth":
            return Troubled(41, errors="Invalid auth method selected.\n")
        if scene == "loop":
            warned = {"type": "error", "severity": "warning", "message": _LOOP}
            said = {"type": "message", "role": "assistant", "content": "again", "delta": True}
            done = {"type": "result", "status": "success", "stats": _GEMINI_STATS}
            return Troubled(0, _lines(said, warned, done))
        code, said_so = self._ERRORS[scene]
        error = {"type": "unknown", "message": said_so}
        return Troubled(code, _lines({"type": "result", "status": "error", "error": error,
                                      "stats": {"total_tokens": 0}}))  # fmt: skip


_LOOP = "Loop detected, stopping execution"
_GEMINI_STATS = {"total_tokens": 1025, "input_tokens": 1000, "output_tokens": 20, "cached": 100,
                 "input": 900, "tool_calls": 1}  # fmt: skip


class Agy(Vendor):
    version_line = "agy 1.4.0"
    _ERRORS: Mapping[str, str] = {
        "auth": "login required: run agy and log in",
        "rate-limit": "rate limited (HTTP 429)",
        "overloaded": "model overloaded (HTTP 503)",
        "unavailable": "connection refused",
        "bad-model": "unknown model: nobody",
        "overflow": _ROOM,
        "quota": "You have exhausted your quota. Quota will reset after 2h0m0s.",
        "refusal": "blocked: prohibited_content",
    }

    @property
    def prompt(self) -> str:
        return next(word for word in self.words if word.startswith("-p=")).partition("=")[2]

    @property
    def session(self) -> str:
        return ""

    def begin(self) -> list[str]:
        return _lines({"event": "init", "conversation_id": "c-1"})

    def step(self, said: str) -> list[str]:
        return _lines({"event": "step_update", "status": "DONE", "text": said})

    def end(self, answer: str) -> list[str]:
        return self._result("SUCCESS", answer)

    def trouble(self, scene: str) -> Troubled:
        if scene == "late":
            said = "[agy] print timeout after 300s with turn in progress; returning partial output"
            return Troubled(0, self._result("SUCCESS", "half an ans", spent=0), f"{said}\n")
        if scene == "denied":
            denied = [{"tool": "run_command", "argument": "make"}]
            return Troubled(0, self._result("SUCCESS", "", denied_actions=denied))
        return Troubled(1, self._result("ERROR", "", error=self._ERRORS[scene], spent=0))

    def _result(self, state: str, answer: str, *, spent: int = 1, **more: Any) -> list[str]:
        meter = {"input_tokens": 1000 * spent, "output_tokens": 20 * spent,
                 "thinking_tokens": 5 * spent, "total_tokens": 1025 * spent}  # fmt: skip
        envelope = {"conversation_id": "c-1", "status": state, "response": answer,
                    "duration_seconds": 1, "num_turns": 1, "usage": meter, **more}  # fmt: skip
        return _lines({"event": "result", "result": envelope})


VENDORS: Mapping[str, type[Vendor]] = {
    "claude": Claude,
    "codex": Codex,
    "gemini": Gemini,
    "agy": Agy,
}
