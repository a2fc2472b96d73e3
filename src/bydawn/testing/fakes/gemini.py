"""The wire format of Google's Interactions API: interactions, triggers, environments' files.

As google-genai 3.4 sends and reads it. Times are RFC 3339; listings come in pages.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from bydawn.testing.fakes.frame import Answer, Asked, Route
from bydawn.testing.fakes.lives import LivesFake, Living, page, written

TROUBLES: dict[str, tuple[int, str, str, list[dict[str, Any]]]] = {
    "bad_key": (
        400,
        "INVALID_ARGUMENT",
        "API key not valid. Please pass a valid API key.",
        [{"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "API_KEY_INVALID"}],
    ),
    "forbidden": (403, "PERMISSION_DENIED", "The caller does not have permission", []),
    "unknown_model": (404, "NOT_FOUND", "agents/nobody is not found", []),
    "missing": (404, "NOT_FOUND", "Requested entity was not found.", []),
    "overloaded": (503, "UNAVAILABLE", "The model is overloaded. Please try again later.", []),
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
_V = r"/v1(?:beta|alpha)?"
_PAGE = 100


def trouble(kind: str) -> Answer:
    """A refusal in Google's own words."""
    code, word, message, details = TROUBLES[kind]
    error = {"code": code, "status": word, "message": message, "details": details}
    return Answer(code, {"error": error})


class GeminiFake(LivesFake):
    """Interactions are the runs; a trigger's execution starts one, and may name it late."""

    page_size = _PAGE
    names_late = False

    def routes(self) -> Iterable[Route]:
        self.triggers: dict[str, dict[str, Any]] = {}
        self.executions: dict[str, list[dict[str, Any]]] = {}
        return self.keyed(
            ("POST", rf"{_V}/interactions", "launch", self._interact),
            ("GET", rf"{_V}/interactions/([^/]+)", "poll", self.of_run(self._shown)),
            ("POST", rf"{_V}/interactions/([^/]+)/cancel", "cancel", self.of_run(self._cancel)),
            ("POST", rf"{_V}/triggers", "reserve", self._new_trigger),
            ("GET", rf"{_V}/triggers", "list", self._list_triggers),
            ("DELETE", rf"{_V}/triggers/([^/]+)", "tidy", self._delete_trigger),
            ("POST", rf"{_V}/triggers/([^/]+)/executions", "launch", self._execute),
            ("GET", rf"{_V}/triggers/([^/]+)/executions", "find", self._list_executions),
            ("GET", rf"{_V}/environments/env-([^/]+)/files/(.*)", "collect", self._files),
            ("GET", rf"{_V}/(?:models|agents)/([^/]+)", "model", self._model),
            ("GET", rf"{_V}/models", "model", lambda _: Answer(200, {"models": []})),
        )

    def sent_key(self, asked: Asked) -> set[str]:
        return {asked.headers.get("x-goog-api-key", "")}

    def trouble(self, kind: str) -> Answer:
        return trouble(kind)

    def denial(self, code: int, words: str) -> Any:
        return {"error": {"code": code, "status": "UNKNOWN", "message": words}}

    def _interact(self, asked: Asked) -> Answer:
        run = self._start(asked.document())
        return Answer(200, self._shown(run))

    def _start(self, body: dict[str, Any]) -> Living:
        key = body.get("labels", {}).get("bydawn", "")
        return self.runs.start("interactions-", key, str(body.get("input")), body)

    def _cancel(self, run: Living) -> dict[str, Any]:
        run.cancel(self.runs.now_ms())
        return self._shown(run)

    def _shown(self, run: Living) -> dict[str, Any]:
        now = self.runs.now_ms()
        tokens_in, tokens_out = run.spent(now)
        prompt = {"type": "user_input", "content": [{"type": "text", "text": run.prompt}]}
        return {
            "id": run.id,
            "object": "interaction",
            "agent": run.body.get("agent"),
            "labels": run.body.get("labels"),
            "environment_id": f"env-{run.id}",
            "status": self._word(run, now),
            "created": written(run.started_at),
            "updated": written(min(now, run.ends_at)),
            "steps": [prompt, *self._output(run, now)],
            "usage": {
                "total_input_tokens": tokens_in,
                "total_cached_tokens": tokens_in // 2,
                "total_output_tokens": tokens_out,
                "total_thought_tokens": tokens_out // 4,
                "total_tokens": tokens_in + tokens_out + tokens_out // 4,
            },
            **run.life.told,
        }

    def _output(self, run: Living, now: int) -> list[dict[str, Any]]:
        if not run.is_over(now) or run.is_cancelled(now):
            return []
        text = {"type": "text", "text": run.life.answer}
        return [{"type": "model_output", "content": [text]}]

    def _word(self, run: Living, now: int) -> str:
        if run.is_cancelled(now):
            return "cancelled"
        if run.asks(now):
            return "requires_action"
        if not run.is_over(now):
            return "in_progress"
        return "completed" if run.life.ends == "ok" else run.life.ends

    def _new_trigger(self, asked: Asked) -> Answer:
        name = f"triggers-{self.runs.number()}"
        self.triggers[name] = {**asked.document(), "id": name, "status": "active"}
        self.executions[name] = []
        return Answer(200, self.triggers[name])

    def _list_triggers(self, asked: Asked) -> Answer:
        return self._listed(asked, list(self.triggers.values()), "triggers")

    def _delete_trigger(self, asked: Asked) -> Answer:
        gone = self.triggers.pop(asked.parts[0], None)
        return trouble("missing") if gone is None else Answer(200, {})

    def _execute(self, asked: Asked) -> Answer:
        trigger = self.triggers.get(asked.parts[0])
        if trigger is None:
            return trouble("missing")
        run = self._start(trigger["interaction"])
        execution = {
            "id": f"executions-{self.runs.number()}",
            "trigger_id": asked.parts[0],
            "interaction_id": run.id,
            "status": "in_progress",
            "start_time": written(run.started_at),
        }
        self.executions[asked.parts[0]].append(execution)
        told = {**execution, "interaction_id": ""} if self.names_late else execution
        return Answer(200, told)

    def _list_executions(self, asked: Asked) -> Answer:
        if asked.parts[0] not in self.triggers:
            return trouble("missing")
        return self._listed(asked, self.executions[asked.parts[0]], "trigger_executions")

    def _listed(self, asked: Asked, items: list[Any], name: str) -> Answer:
        start = int(asked.query.get("page_token", "0"))
        shown, following = page(items, start, self.page_size)
        more = {} if following is None else {"next_page_token": str(following)}
        return Answer(200, {name: shown, **more})

    def _files(self, asked: Asked) -> Answer:
        run, path = self.runs.get(asked.parts[0]), asked.parts[1].strip("/")
        if run is None:
            return trouble("missing")
        if asked.query.get("alt") == "media":
            data = run.life.files.get(path.removeprefix("workspace/"))
            return trouble("missing") if data is None else Answer(200, data)
        files = [
            {"path": f"workspace/{one}", "type": "file", "size_bytes": str(len(data))}
            for one, data in run.life.files.items()
        ]
        return self._listed(asked, files, "files")

    def _model(self, asked: Asked) -> Answer:
        name = asked.parts[0]
        return trouble("unknown_model") if name == "nobody" else Answer(200, {"name": name})
