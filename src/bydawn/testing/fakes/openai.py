"""The wire formats of OpenAI: responses in the background, and sessions of the Agents API.

As openai 3.52 sends and reads them. Times are seconds since the epoch.
"""

from __future__ import annotations

from typing import Any

from bydawn.testing.fakes.exchange import Answer, Asked, page
from bydawn.testing.fakes.lives import Lives, Living

_TROUBLES: dict[str, tuple[int, str, str, str]] = {
    "bad_key": (401, "invalid_request_error", "invalid_api_key", "Incorrect API key provided"),
    "forbidden": (403, "invalid_request_error", "forbidden", "Not allowed"),
    "unknown_model": (404, "invalid_request_error", "model_not_found", "No such model"),
    "overloaded": (503, "service_unavailable_error", "slow_down", "Slow down"),
    "rate_limited": (429, "requests", "rate_limit_exceeded", "Rate limit reached"),
    "quota": (429, "insufficient_quota", "insufficient_quota", "You exceeded your current quota"),
    "server_error": (500, "server_error", "server_error", "The server had an error"),
}


def trouble(kind: str) -> Answer:
    """A refusal in OpenAI's own words."""
    code, family, word, message = _TROUBLES[kind]
    error = {"message": message, "type": family, "param": None, "code": word}
    headers = {"retry-after": "12"} if kind == "rate_limited" else {}
    return Answer(code, {"error": error}, headers)


class OpenAIWire:
    """Answers one request at a time. A key on an event starts at most one turn in a session."""

    def __init__(self, lives: Lives, keys: frozenset[str] = frozenset()) -> None:
        self.lives, self.keys = lives, keys
        self.sessions: dict[str, dict[str, Any]] = {}
        self.turns: dict[str, list[Living]] = {}
        self.used: set[tuple[str, str]] = set()

    def answer(self, asked: Asked) -> Answer:
        sent = asked.headers.get("authorization", "").removeprefix("Bearer ")
        if self.keys and sent not in self.keys:
            return trouble("bad_key")
        match asked.parts:
            case ("responses", *rest):
                return self._responses(asked, rest)
            case ("agents", "sessions", *rest):
                return self._sessions(asked, rest)
            case ("models", name):
                known = {"id": name, "object": "model"}
                return trouble("unknown_model") if name == "nobody" else Answer(200, known)
        return _missing()

    def _responses(self, asked: Asked, rest: list[str]) -> Answer:
        match asked.method, rest:
            case "POST", []:
                key = asked.body.get("metadata", {}).get("bydawn_key", "")
                new = self.lives.start("resp_", key, str(asked.body.get("input")), asked.body)
                return Answer(200, self._response(new))
            case "GET", [name] if run := self.lives.get(name):
                return Answer(200, self._response(run))
            case "POST", [name, "cancel"] if run := self.lives.get(name):
                run.cancel(self.lives.now_ms())
                return Answer(200, self._response(run))
        return _missing()

    def _response(self, run: Living) -> dict[str, Any]:
        now = self.lives.now_ms()
        is_done = run.is_over(now) and not run.is_cancelled(now)
        word = "completed" if run.life.ends == "ok" else run.life.ends
        text = {"type": "output_text", "text": run.life.answer, "annotations": []}
        message = {"type": "message", "role": "assistant", "content": [text]}
        return {
            "id": run.id,
            "object": "response",
            "created_at": run.started_at // 1_000,
            "background": True,
            "model": run.body.get("model"),
            "metadata": run.body.get("metadata"),
            "status": "cancelled" if run.is_cancelled(now) else word if is_done else "in_progress",
            "output": [message] if is_done else [],
            "usage": _usage(*run.spent(now)) if run.is_over(now) else None,
            **(run.life.told if is_done else {}),
        }

    def _sessions(self, asked: Asked, rest: list[str]) -> Answer:
        match asked.method, rest:
            case "POST", []:
                return Answer(200, self._new_session(asked.body))
            case _, [name, *_] if name not in self.sessions or name in self.lives.forgotten:
                return _missing()
            case "GET", [name]:
                return Answer(200, self._session(name))
            case "POST", [name, "events"]:
                return self._take(name, asked)
            case "GET", [name, "turns"]:
                return _listed([self._turn(name, run) for run in self.turns[name]])
            case "GET", [name, "items"]:
                return _listed(self._items(name))
            case "GET", [name, "artifacts", *which]:
                return self._artifacts(asked, name, which)
        return _missing()

    def _new_session(self, body: dict[str, Any]) -> dict[str, Any]:
        name = f"session_{self.lives.number()}"
        self.sessions[name], self.turns[name] = dict(body), []
        return self._session(name)

    def _take(self, name: str, asked: Asked) -> Answer:
        """A message starts a turn, a cancel ends it; what has been seen under its key is not
        heeded again."""
        used = (name, asked.headers.get("idempotency-key", ""))
        if used[1] and used in self.used:
            return Answer(202, b"")
        self.used.add(used)
        for event in asked.body["events"]:
            if event["type"] == "agent.session.input.message":
                prompt = event["input"][0]["content"][0]["text"]
                key = self.sessions[name].get("metadata", {}).get("bydawn_key", "")
                run = self.lives.start("turn_", key, prompt, self.sessions[name])
                self.turns[name].append(run)
            elif event["type"] == "agent.session.input.cancel":
                for run in self.turns[name]:
                    run.cancel(self.lives.now_ms())
        return Answer(202, b"")

    def _session(self, name: str) -> dict[str, Any]:
        now, turns = self.lives.now_ms(), self.turns[name]
        body = self.sessions[name]
        open_turns = [run for run in turns if not run.is_over(now)]
        asks = any(run.asks(now) for run in open_turns)
        word = "requires_action" if asks else "in_progress" if open_turns else "idle"
        spent = [run.spent(now) for run in turns]
        total = (sum(one[0] for one in spent), sum(one[1] for one in spent))
        control = body.get("spend_control")
        return {
            "id": name,
            "object": "agent.session",
            "status": word,
            "metadata": body.get("metadata") or {},
            "agent": body.get("agent") or {"id": body.get("agent_id")},
            "environment": body.get("environment"),
            "last_active_at": now // 1_000,
            "required_actions": [{"type": "function_call"}] if asks else [],
            "usage": _usage(*total) if turns else None,
            **({"spend_control": {**control, "consumed": sum(total) // 1_000}} if control else {}),
        }

    def _turn(self, session: str, run: Living) -> dict[str, Any]:
        now = self.lives.now_ms()
        word = "completed" if run.life.ends == "ok" else run.life.ends
        if run.is_cancelled(now):
            word = "cancelled"
        elif not run.is_over(now):
            word = "waiting" if run.asks(now) else "in_progress"
        return {
            "id": run.id,
            "object": "agent.session.turn",
            "session_id": session,
            "status": word,
            "created_at": run.started_at // 1_000,
            "started_at": run.started_at // 1_000,
            "completed_at": run.ends_at // 1_000 if run.is_over(now) else None,
            "usage": _usage(*run.spent(now)),
            **run.life.told,
        }

    def _items(self, session: str) -> list[dict[str, Any]]:
        now = self.lives.now_ms()
        done = [run for run in self.turns[session] if run.is_over(now)]
        return [
            {
                "id": f"item_{run.id}",
                "type": "message",
                "role": "assistant",
                "phase": "final_answer",
                "turn_id": run.id,
                "content": [{"type": "output_text", "text": run.life.answer}],
            }
            for run in reversed(done)
            if not run.is_cancelled(now)
        ]

    def _artifacts(self, asked: Asked, session: str, which: list[str]) -> Answer:
        files = {
            f"art_{run.id}_{number}": (name, data)
            for run in self.turns[session]
            for number, (name, data) in enumerate(run.life.files.items())
        }
        if which:
            found = files.get(which[0])
            return Answer(200, found[1]) if found else _missing()
        listed = [
            {"id": name, "path": f"/workspace/{path}", "size_bytes": len(data)}
            for name, (path, data) in files.items()
        ]
        start = next((n + 1 for n, one in enumerate(listed) if one["id"] == asked.one("after")), 0)
        shown, following = page(listed, start, int(asked.one("limit", "20")))
        return Answer(200, {"object": "list", "data": shown, "has_more": following is not None})


def _listed(items: list[Any]) -> Answer:
    return Answer(200, {"object": "list", "data": items, "has_more": False})


def _usage(tokens_in: int, tokens_out: int) -> dict[str, Any]:
    return {
        "input_tokens": tokens_in,
        "input_tokens_details": {"cached_tokens": tokens_in // 2, "cache_write_tokens": 0},
        "output_tokens": tokens_out,
        "output_tokens_details": {"reasoning_tokens": tokens_out // 4},
        "total_tokens": tokens_in + tokens_out,
    }


def _missing() -> Answer:
    error = {"message": "Not found", "type": "invalid_request_error", "code": None, "param": None}
    return Answer(404, {"error": error})
