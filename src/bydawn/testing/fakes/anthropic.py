"""The wire format of Anthropic's managed agents: sessions, their events and their files.

As anthropic 2.11 sends and reads it. Events are listed by type, newest first where asked for.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from bydawn.testing.fakes.frame import Answer, Asked, Route
from bydawn.testing.fakes.lives import Living, SessionsFake, written

TROUBLES: dict[str, tuple[int, str, str]] = {
    "bad_key": (401, "authentication_error", "invalid x-api-key"),
    "forbidden": (403, "permission_error", "Not allowed"),
    "unknown_model": (404, "not_found_error", "agent: nobody"),
    "missing": (404, "not_found_error", "Not found"),
    "overloaded": (529, "overloaded_error", "Overloaded"),
    "rate_limited": (429, "rate_limit_error", "This request would exceed your rate limit"),
    "quota": (400, "invalid_request_error", "Your credit balance is too low"),
    "server_error": (500, "api_error", "Internal server error"),
}
_TOKENS_OF_A_CENT = 1_000
_SESSION = r"/v1/sessions/([^/]+)"


def trouble(kind: str) -> Answer:
    """A refusal in Anthropic's own words."""
    code, word, message = TROUBLES[kind]
    body = {"type": "error", "error": {"type": word, "message": message}, "request_id": "req_1"}
    return Answer(code, body, {"retry-after": "12"} if kind == "rate_limited" else {})


class AnthropicFake(SessionsFake):
    """A session has one run at most. One that has done its work is idle, and says why."""

    def routes(self) -> Iterable[Route]:
        self.sessions = {}
        self.turns: dict[str, Living] = {}
        return self.keyed(
            ("POST", r"/v1/sessions", "reserve", self._new_session),
            ("GET", _SESSION, "poll", self.of_session(self._show)),
            ("POST", rf"{_SESSION}/events", "launch", self.of_session(self._take)),
            ("GET", rf"{_SESSION}/events", "find", self.of_session(self._events)),
            ("GET", r"/v1/files", "collect", self._list_files),
            ("GET", r"/v1/files/([^/]+)/content", "collect", self._content),
            ("GET", r"/v1/(?:models|agents|environments)/([^/]+)", "model", self._model),
        )

    def sent_key(self, asked: Asked) -> set[str]:
        """The SDK sends its key like a token since 2.11, before that in a header of its own."""
        token = asked.headers.get("authorization", "").removeprefix("Bearer ")
        return {token, asked.headers.get("x-api-key", "")}

    def trouble(self, kind: str) -> Answer:
        return trouble(kind)

    def denial(self, code: int, words: str) -> Any:
        return {"type": "error", "error": {"type": "api_error", "message": f"{code}: {words}"}}

    def _new_session(self, asked: Asked) -> Answer:
        name = f"sesn_{self.runs.number()}"
        self.sessions[name] = {**asked.document(), "created_at": self.runs.now_ms()}
        return self._show(name, asked)

    def _take(self, name: str, asked: Asked) -> Answer:
        events = asked.document()["events"]
        for event in events:
            if event["type"] == "user.message":
                key = self.sessions[name].get("metadata", {}).get("bydawn_key", "")
                prompt = event["content"][0]["text"]
                self.turns[name] = self.runs.start("turn_", key, prompt, self.sessions[name])
            elif event["type"] == "user.interrupt" and name in self.turns:
                self.turns[name].cancel(self.runs.now_ms())
        return Answer(200, {"data": events})

    def _show(self, name: str, _: Asked) -> Answer:
        now, body, run = self.runs.now_ms(), self.sessions[name], self.turns.get(name)
        is_idle = run is None or run.is_over(now) or run.asks(now)
        is_terminated = run is not None and run.life.ends == "terminated"
        shown = {
            "id": name,
            "type": "session",
            "status": "running" if not is_idle else "terminated" if is_terminated else "idle",
            "metadata": body.get("metadata", {}),
            "created_at": written(body["created_at"]),
            "updated_at": written(now),
            "archived_at": None,
            "budget": body.get("budget"),
            "usage": self._usage(run, now),
        }
        return Answer(200, shown)

    def _usage(self, run: Living | None, now: int) -> dict[str, Any]:
        tokens_in, tokens_out = run.spent(now) if run else (0, 0)
        cents = (tokens_in + tokens_out) // _TOKENS_OF_A_CENT
        return {
            "input_tokens": tokens_in - tokens_in // 2,
            "cache_read_input_tokens": tokens_in // 2,
            "cache_creation": {"ephemeral_5m_input_tokens": 0, "ephemeral_1h_input_tokens": 0},
            "output_tokens": tokens_out,
            "list_cost": {"amount": str(cents), "currency": "USD"},
        }

    def _events(self, name: str, asked: Asked) -> Answer:
        wanted = asked.every("types[]")
        told = [one for one in self._told(name) if not wanted or one["type"] in wanted]
        if asked.query.get("order") == "desc":
            told.reverse()
        most = int(asked.query.get("limit", "20"))
        return Answer(200, {"data": told[:most], "next_page": None})

    def _told(self, name: str) -> list[dict[str, Any]]:
        """Every event of a session, the oldest first."""
        run, now = self.turns.get(name), self.runs.now_ms()
        if run is None:
            return []
        prompt = [{"type": "text", "text": run.prompt}]
        return [{"type": "user.message", "content": prompt}, *self._ending(run, now)]

    def _ending(self, run: Living, now: int) -> list[dict[str, Any]]:
        if run.is_cancelled(now):
            return [{"type": "user.interrupt"}, _idle("end_turn", now)]
        if run.asks(now):
            return [_idle("requires_action", now)]
        if not run.is_over(now):
            return []
        said = {"type": "agent.message", "content": [{"type": "text", "text": run.life.answer}]}
        told = [said, *(dict(one) for one in run.life.told.get("events", ()))]
        word = "end_turn" if run.life.ends == "ok" else run.life.ends
        return told if word == "terminated" else [*told, _idle(word, run.ends_at)]

    def _list_files(self, asked: Asked) -> Answer:
        listed = [
            {"id": name, "filename": path, "size_bytes": len(data), "downloadable": True}
            for name, (path, data) in self._files(asked.query.get("scope_id", "")).items()
        ]
        return Answer(200, {"data": listed, "next_page": None})

    def _content(self, asked: Asked) -> Answer:
        found = self._files("").get(asked.parts[0])
        return Answer(200, found[1]) if found else trouble("missing")

    def _files(self, session: str) -> dict[str, tuple[str, bytes]]:
        """Of one session, or of all of them."""
        return {
            f"file_{run.id}_{number}": (name, data)
            for its, run in self.turns.items()
            if session in ("", its)
            for number, (name, data) in enumerate(run.life.files.items())
        }

    def _model(self, asked: Asked) -> Answer:
        known = {"id": asked.parts[0], "type": "model", "lifecycle": "active"}
        return trouble("unknown_model") if asked.parts[0] == "nobody" else Answer(200, known)


def _idle(reason: str, at_ms: int) -> dict[str, Any]:
    return {
        "type": "session.status_idle",
        "stop_reason": {"type": reason},
        "processed_at": written(at_ms),
    }
