"""The wire format of Google's Interactions API: interactions, triggers, environments' files.

As google-genai 3.4 sends and reads it. Times are RFC 3339; listings come in pages.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from bydawn.testing.fakes.exchange import Answer, Asked, page
from bydawn.testing.fakes.lives import Lives, Living

_TROUBLES: dict[str, tuple[int, str, str, list[dict[str, Any]]]] = {
    "bad_key": (
        400,
        "INVALID_ARGUMENT",
        "API key not valid. Please pass a valid API key.",
        [{"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "API_KEY_INVALID"}],
    ),
    "forbidden": (403, "PERMISSION_DENIED", "The caller does not have permission", []),
    "unknown_model": (404, "NOT_FOUND", "agents/nobody is not found", []),
    "overloaded": (
        503,
        "UNAVAILABLE",
        "The model is overloaded. Please try again later.",
        [],
    ),
    "rate_limited": (
        429,
        "RESOURCE_EXHAUSTED",
        "You exceeded your current quota.",
        [{"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "12s"}],
    ),
    "quota": (
        429,
        "RESOURCE_EXHAUSTED",
        "You exceeded your current quota.",
        [{"violations": [{"quotaId": "GenerateRequestsPerDayPerProject-FreeTier"}]}],
    ),
    "server_error": (500, "INTERNAL", "An internal error has occurred.", []),
}


def trouble(kind: str) -> Answer:
    """A refusal in Google's own words."""
    code, word, message, details = _TROUBLES[kind]
    error = {"code": code, "status": word, "message": message, "details": details}
    return Answer(code, {"error": error})


class GeminiWire:
    """Answers one request at a time, from the lives of its runs."""

    def __init__(self, lives: Lives, keys: frozenset[str] = frozenset()) -> None:
        self.lives, self.keys = lives, keys
        self.triggers: dict[str, dict[str, Any]] = {}
        self.executions: dict[str, list[dict[str, Any]]] = {}
        self.page_size = 100

    def answer(self, asked: Asked) -> Answer:
        if self.keys and asked.headers.get("x-goog-api-key") not in self.keys:
            return trouble("bad_key")
        found = {
            "interactions": self._interactions,
            "triggers": self._triggers,
            "environments": self._environments,
            "models": self._models,
        }.get(asked.parts[0])
        return found(asked) if found else _missing()

    def _interactions(self, asked: Asked) -> Answer:
        match asked.method, asked.parts[1:]:
            case "POST", ():
                return Answer(200, self._shown(self._start(asked.body)))
            case "GET", (name,) if run := self.lives.get(name):
                return Answer(200, self._shown(run))
            case "POST", (name, "cancel") if run := self.lives.get(name):
                run.cancel(self.lives.now_ms())
                return Answer(200, self._shown(run))
        return _missing()

    def _start(self, body: dict[str, Any]) -> Living:
        key = body.get("labels", {}).get("bydawn", "")
        return self.lives.start("interactions-", key, str(body.get("input")), body)

    def _shown(self, run: Living) -> dict[str, Any]:
        now = self.lives.now_ms()
        tokens_in, tokens_out = run.spent(now)
        shown: dict[str, Any] = {
            "id": run.id,
            "object": "interaction",
            "agent": run.body.get("agent"),
            "labels": run.body.get("labels"),
            "environment_id": f"env-{run.id}",
            "status": self._word(run, now),
            "created": _written(run.started_at),
            "updated": _written(min(now, run.ends_at)),
            "steps": [{"type": "user_input", "content": [{"type": "text", "text": run.prompt}]}],
            "usage": {
                "total_input_tokens": tokens_in,
                "total_cached_tokens": tokens_in // 2,
                "total_output_tokens": tokens_out,
                "total_thought_tokens": tokens_out // 4,
                "total_tokens": tokens_in + tokens_out + tokens_out // 4,
            },
            **run.life.told,
        }
        if run.is_over(now) and not run.is_cancelled(now):
            text = {"type": "text", "text": run.life.answer}
            shown["steps"].append({"type": "model_output", "content": [text]})
        return shown

    def _word(self, run: Living, now: int) -> str:
        if run.is_cancelled(now):
            return "cancelled"
        if run.asks(now):
            return "requires_action"
        if not run.is_over(now):
            return "in_progress"
        return "completed" if run.life.ends == "ok" else run.life.ends

    def _triggers(self, asked: Asked) -> Answer:
        match asked.method, asked.parts[1:]:
            case "POST", ():
                return Answer(200, self._new_trigger(asked.body))
            case "GET", ():
                return self._listed(asked, list(self.triggers.values()), "triggers")
            case "DELETE", (name,) if name in self.triggers:
                del self.triggers[name]
                return Answer(200, {})
            case "POST", (name, "executions") if name in self.triggers:
                return Answer(200, self._execute(name))
            case "GET", (name, "executions") if name in self.triggers:
                return self._listed(asked, self.executions[name], "trigger_executions")
        return _missing()

    def _new_trigger(self, body: dict[str, Any]) -> dict[str, Any]:
        name = f"triggers-{self.lives.number()}"
        self.triggers[name] = {**body, "id": name, "status": "active"}
        self.executions[name] = []
        return self.triggers[name]

    def _execute(self, trigger: str) -> dict[str, Any]:
        run = self._start(self.triggers[trigger]["interaction"])
        execution = {
            "id": f"executions-{self.lives.number()}",
            "trigger_id": trigger,
            "interaction_id": run.id,
            "status": "in_progress",
            "start_time": _written(run.started_at),
        }
        self.executions[trigger].append(execution)
        return execution

    def _listed(self, asked: Asked, items: list[Any], name: str) -> Answer:
        shown, following = page(items, int(asked.one("page_token", "0")), self.page_size)
        more = {} if following is None else {"next_page_token": str(following)}
        return Answer(200, {name: shown, **more})

    def _environments(self, asked: Asked) -> Answer:
        name, *rest = asked.parts[1:]
        run = self.lives.get(name.removeprefix("env-"))
        if run is None or rest[:1] != ["files"]:
            return _missing()
        path = "/".join(rest[1:]).strip("/")
        if asked.one("alt") == "media":
            data = run.life.files.get(path.removeprefix("workspace/"))
            return _missing() if data is None else Answer(200, data)
        files = [
            {"path": f"workspace/{one}", "type": "file", "size_bytes": str(len(data))}
            for one, data in run.life.files.items()
        ]
        return self._listed(asked, files, "files")

    def _models(self, asked: Asked) -> Answer:
        name = asked.parts[-1]
        return trouble("unknown_model") if name == "nobody" else Answer(200, {"name": name})


def _missing() -> Answer:
    error = {"code": 404, "status": "NOT_FOUND", "message": "Requested entity was not found."}
    return Answer(404, {"error": error})


def _written(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms / 1_000, UTC).isoformat().replace("+00:00", "Z")
