"""The wire format of Anthropic's managed agents: sessions, their events and their files.

As anthropic 2.11 sends and reads it. Events are listed by type, newest first where asked for.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from bydawn.testing.fakes.exchange import Answer, Asked
from bydawn.testing.fakes.lives import Lives, Living

_CENT_TOKENS = 1_000
_TROUBLES: dict[str, tuple[int, str, str]] = {
    "bad_key": (401, "authentication_error", "invalid x-api-key"),
    "forbidden": (403, "permission_error", "Not allowed"),
    "unknown_model": (404, "not_found_error", "agent: nobody"),
    "overloaded": (529, "overloaded_error", "Overloaded"),
    "rate_limited": (429, "rate_limit_error", "This request would exceed your rate limit"),
    "quota": (400, "invalid_request_error", "Your credit balance is too low"),
    "server_error": (500, "api_error", "Internal server error"),
}


def trouble(kind: str) -> Answer:
    """A refusal in Anthropic's own words."""
    code, word, message = _TROUBLES[kind]
    body = {"type": "error", "error": {"type": word, "message": message}, "request_id": "req_1"}
    return Answer(code, body, {"retry-after": "12"} if kind == "rate_limited" else {})


class AnthropicWire:
    """Answers one request at a time. A session that has done its work is idle, and says why."""

    def __init__(self, lives: Lives, keys: frozenset[str] = frozenset()) -> None:
        self.lives, self.keys = lives, keys
        self.sessions: dict[str, dict[str, Any]] = {}
        self.turns: dict[str, Living] = {}

    def answer(self, asked: Asked) -> Answer:
        # The SDK sends its key like a token since 2.11, before that in a header of its own.
        token = asked.headers.get("authorization", "").removeprefix("Bearer ")
        if self.keys and not {token, asked.headers.get("x-api-key")} & self.keys:
            return trouble("bad_key")
        match asked.method, asked.parts:
            case "POST", ("sessions",):
                return Answer(200, self._new_session(asked.body))
            case _, ("sessions", name, *_) if not self._is_known(name):
                return _missing()
            case "GET", ("sessions", name):
                return Answer(200, self._session(name))
            case "POST", ("sessions", name, "events"):
                return self._take(name, asked.body)
            case "GET", ("sessions", name, "events"):
                return self._events(name, asked)
            case "GET", ("files", *which):
                return self._files(asked, which)
            case "GET", ("models", name):
                known = {"id": name, "type": "model", "lifecycle": "active"}
                return trouble("unknown_model") if name == "nobody" else Answer(200, known)
        return _missing()

    def _is_known(self, name: str) -> bool:
        return name in self.sessions and name not in self.lives.forgotten

    def _new_session(self, body: dict[str, Any]) -> dict[str, Any]:
        name = f"sesn_{self.lives.number()}"
        self.sessions[name] = {**body, "created_at": self.lives.now_ms()}
        return self._session(name)

    def _take(self, name: str, body: dict[str, Any]) -> Answer:
        for event in body["events"]:
            if event["type"] == "user.message":
                key = self.sessions[name].get("metadata", {}).get("bydawn_key", "")
                prompt = event["content"][0]["text"]
                self.turns[name] = self.lives.start("turn_", key, prompt, self.sessions[name])
            elif event["type"] == "user.interrupt" and name in self.turns:
                self.turns[name].cancel(self.lives.now_ms())
        return Answer(200, {"data": body["events"]})

    def _session(self, name: str) -> dict[str, Any]:
        now, body, run = self.lives.now_ms(), self.sessions[name], self.turns.get(name)
        is_idle = run is None or run.is_over(now) or run.asks(now)
        word = "terminated" if run and self._is_terminated(run, now) else "idle"
        return {
            "id": name,
            "type": "session",
            "status": word if is_idle else "running",
            "metadata": body.get("metadata", {}),
            "created_at": _written(body["created_at"]),
            "updated_at": _written(now),
            "archived_at": None,
            "budget": body.get("budget"),
            "usage": self._usage(run, now),
        }

    def _is_terminated(self, run: Living, now: int) -> bool:
        return run.life.ends == "terminated" and run.is_over(now)

    def _usage(self, run: Living | None, now: int) -> dict[str, Any]:
        tokens_in, tokens_out = run.spent(now) if run else (0, 0)
        cents = (tokens_in + tokens_out) // _CENT_TOKENS
        return {
            "input_tokens": tokens_in - tokens_in // 2,
            "cache_read_input_tokens": tokens_in // 2,
            "cache_creation": {"ephemeral_5m_input_tokens": 0, "ephemeral_1h_input_tokens": 0},
            "output_tokens": tokens_out,
            "list_cost": {"amount": str(cents), "currency": "USD"},
        }

    def _events(self, name: str, asked: Asked) -> Answer:
        wanted = asked.query.get("types[]", []) + asked.query.get("types", [])
        told = [one for one in self._told(name) if not wanted or one["type"] in wanted]
        if asked.one("order", "asc") == "desc":
            told.reverse()
        return Answer(200, {"data": told[: int(asked.one("limit", "20"))], "next_page": None})

    def _told(self, name: str) -> list[dict[str, Any]]:
        """Every event of a session, the oldest first."""
        run, now = self.turns.get(name), self.lives.now_ms()
        if run is None:
            return []
        told: list[dict[str, Any]] = [
            {"type": "user.message", "content": [{"type": "text", "text": run.prompt}]}
        ]
        if run.is_cancelled(now):
            told += [{"type": "user.interrupt"}, _idle("end_turn", now)]
        elif run.asks(now):
            told.append(_idle("requires_action", now))
        elif run.is_over(now):
            text = [{"type": "text", "text": run.life.answer}]
            told.append({"type": "agent.message", "content": text})
            told += [dict(one) for one in run.life.told.get("events", ())]
            if run.life.ends != "terminated":
                word = "end_turn" if run.life.ends == "ok" else run.life.ends
                told.append(_idle(word, run.ends_at))
        return told

    def _files(self, asked: Asked, which: list[str]) -> Answer:
        files = {
            f"file_{run.id}_{number}": (name, data)
            for session, run in self.turns.items()
            if which or session == asked.one("scope_id")
            for number, (name, data) in enumerate(run.life.files.items())
        }
        if which:
            found = files.get(which[0])
            return Answer(200, found[1]) if found else _missing()
        listed = [
            {"id": name, "filename": path, "size_bytes": len(data), "downloadable": True}
            for name, (path, data) in files.items()
        ]
        return Answer(200, {"data": listed, "next_page": None})


def _idle(reason: str, at_ms: int) -> dict[str, Any]:
    return {
        "type": "session.status_idle",
        "stop_reason": {"type": reason},
        "processed_at": _written(at_ms),
    }


def _missing() -> Answer:
    return Answer(404, {"type": "error", "error": {"type": "not_found_error", "message": "no"}})


def _written(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms / 1_000, UTC).isoformat().replace("+00:00", "Z")
