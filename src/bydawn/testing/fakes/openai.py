"""The wire formats of OpenAI: responses in the background, and sessions of the Agents API.

As openai 3.52 sends and reads them. Times are seconds since the epoch.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from bydawn.testing.fakes.frame import Answer, Asked, Route
from bydawn.testing.fakes.lives import Living, SessionsFake, page

TROUBLES: dict[str, tuple[int, str, str, str]] = {
    "bad_key": (401, "invalid_request_error", "invalid_api_key", "Incorrect API key provided"),
    "forbidden": (403, "invalid_request_error", "forbidden", "Not allowed"),
    "unknown_model": (404, "invalid_request_error", "model_not_found", "No such model"),
    "missing": (404, "invalid_request_error", "not_found", "Not found"),
    "overloaded": (503, "service_unavailable_error", "slow_down", "Slow down"),
    "rate_limited": (429, "requests", "rate_limit_exceeded", "Rate limit reached"),
    "quota": (429, "insufficient_quota", "insufficient_quota", "You exceeded your current quota"),
    "server_error": (500, "server_error", "server_error", "The server had an error"),
}
_SESSION = r"/v1/agents/sessions/([^/]+)"


def trouble(kind: str) -> Answer:
    """A refusal in OpenAI's own words."""
    code, family, word, message = TROUBLES[kind]
    error = {"message": message, "type": family, "param": None, "code": word}
    headers = {"retry-after": "12"} if kind == "rate_limited" else {}
    return Answer(code, {"error": error}, headers)


class OpenAIFake(SessionsFake):
    """Responses and the turns of sessions are the runs. What comes under a key that a session has
    seen is not heeded again."""

    def routes(self) -> Iterable[Route]:
        self.sessions = {}
        self.turns: dict[str, list[Living]] = {}
        self.used: set[tuple[str, str]] = set()
        return self.keyed(
            ("POST", r"/v1/responses", "launch", self._respond),
            ("GET", r"/v1/responses/([^/]+)", "poll", self.of_run(self._response)),
            ("POST", r"/v1/responses/([^/]+)/cancel", "cancel", self.of_run(self._cancel)),
            ("POST", r"/v1/agents/sessions", "reserve", self._new_session),
            ("GET", _SESSION, "poll", self.of_session(self._show)),
            ("POST", rf"{_SESSION}/events", "launch", self.of_session(self._take)),
            ("GET", rf"{_SESSION}/turns", "find", self.of_session(self._turns)),
            ("GET", rf"{_SESSION}/items", "collect", self.of_session(self._items)),
            ("GET", rf"{_SESSION}/artifacts", "collect", self.of_session(self._artifacts)),
            ("GET", rf"{_SESSION}/artifacts/([^/]+)/content", "collect",
             self.of_session(self._content)),
            ("GET", r"/v1/(?:models|agents)/([^/]+)", "model", self._model),
            ("GET", r"/v1/models", "model", lambda _: _listed([])),
        )  # fmt: skip

    def sent_key(self, asked: Asked) -> set[str]:
        return {asked.headers.get("authorization", "").removeprefix("Bearer ")}

    def trouble(self, kind: str) -> Answer:
        return trouble(kind)

    def denial(self, code: int, words: str) -> Any:
        return {"error": {"message": words, "type": "error", "code": str(code), "param": None}}

    def _respond(self, asked: Asked) -> Answer:
        body = asked.document()
        key = body.get("metadata", {}).get("bydawn_key", "")
        return Answer(200, self._response(self.runs.start("resp_", key, str(body["input"]), body)))

    def _cancel(self, run: Living) -> dict[str, Any]:
        run.cancel(self.runs.now_ms())
        return self._response(run)

    def _response(self, run: Living) -> dict[str, Any]:
        now = self.runs.now_ms()
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

    def _new_session(self, asked: Asked) -> Answer:
        name = f"session_{self.runs.number()}"
        self.sessions[name], self.turns[name] = asked.document(), []
        return self._show(name, asked)

    def _take(self, name: str, asked: Asked) -> Answer:
        """A message starts a turn, a cancel ends it."""
        used = (name, asked.headers.get("idempotency-key", ""))
        if used[1] and used in self.used:
            return Answer(202, b"")
        self.used.add(used)
        for event in asked.document()["events"]:
            if event["type"] == "agent.session.input.message":
                prompt = event["input"][0]["content"][0]["text"]
                key = self.sessions[name].get("metadata", {}).get("bydawn_key", "")
                run = self.runs.start("turn_", key, prompt, self.sessions[name])
                self.turns[name].append(run)
            elif event["type"] == "agent.session.input.cancel":
                for run in self.turns[name]:
                    run.cancel(self.runs.now_ms())
        return Answer(202, b"")

    def _show(self, name: str, _: Asked) -> Answer:
        now, turns = self.runs.now_ms(), self.turns[name]
        body = self.sessions[name]
        open_turns = [run for run in turns if not run.is_over(now)]
        asks = any(run.asks(now) for run in open_turns)
        spent = [run.spent(now) for run in turns]
        total = (sum(one[0] for one in spent), sum(one[1] for one in spent))
        control = body.get("spend_control")
        used = {"spend_control": {**control, "consumed": sum(total) // 1_000}} if control else {}
        shown = {
            "id": name,
            "object": "agent.session",
            "status": "requires_action" if asks else "in_progress" if open_turns else "idle",
            "metadata": body.get("metadata") or {},
            "agent": body.get("agent") or {"id": body.get("agent_id")},
            "environment": body.get("environment"),
            "last_active_at": now // 1_000,
            "required_actions": [{"type": "function_call"}] if asks else [],
            "usage": _usage(*total) if turns else None,
            **used,
        }
        return Answer(200, shown)

    def _turns(self, name: str, _: Asked) -> Answer:
        return _listed([self._turn(name, run) for run in self.turns[name]])

    def _turn(self, session: str, run: Living) -> dict[str, Any]:
        now = self.runs.now_ms()
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

    def _items(self, session: str, _: Asked) -> Answer:
        now = self.runs.now_ms()
        items = [
            {
                "id": f"item_{run.id}",
                "type": "message",
                "role": "assistant",
                "phase": "final_answer",
                "turn_id": run.id,
                "content": [{"type": "output_text", "text": run.life.answer}],
            }
            for run in reversed(self.turns[session])
            if run.is_over(now) and not run.is_cancelled(now)
        ]
        return _listed(items)

    def _artifacts(self, session: str, asked: Asked) -> Answer:
        listed = [
            {"id": name, "path": f"/workspace/{path}", "size_bytes": len(data)}
            for name, (path, data) in self._files(session).items()
        ]
        after = asked.query.get("after")
        start = next((n + 1 for n, one in enumerate(listed) if one["id"] == after), 0)
        shown, following = page(listed, start, int(asked.query.get("limit", "20")))
        return Answer(200, {"object": "list", "data": shown, "has_more": following is not None})

    def _content(self, session: str, asked: Asked) -> Answer:
        found = self._files(session).get(asked.parts[1])
        return Answer(200, found[1]) if found else trouble("missing")

    def _files(self, session: str) -> dict[str, tuple[str, bytes]]:
        return {
            f"art_{run.id}_{number}": (name, data)
            for run in self.turns[session]
            for number, (name, data) in enumerate(run.life.files.items())
        }

    def _model(self, asked: Asked) -> Answer:
        known = {"id": asked.parts[0], "object": "model"}
        return trouble("unknown_model") if asked.parts[0] == "nobody" else Answer(200, known)


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
