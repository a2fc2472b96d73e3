"""Model services on loopback, for the real command-line agents: three wire formats, one answer.

What the service answers is chosen by words in the prompt: ``[say WORDS]`` is a plain answer,
``[fail CODE]`` an HTTP error, ``[write PATH]`` a wish to write that file, and an answer once it was
written. Every request for an answer is counted.
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

_ASKED = re.compile(r"\[(say|fail|write) ([^\]]*)\]")
_ERRORS = {
    400: ("invalid_request_error", "the request is not valid"),
    401: ("authentication_error", "invalid x-api-key"),
    429: ("rate_limit_error", "too many requests"),
    503: ("api_error", "the service is not there"),
    529: ("overloaded_error", "Overloaded"),
}


@dataclass
class Models:
    """The running service: where it is, and what it was asked for."""

    address: str
    asked: list[str] = field(default_factory=list)


@contextmanager
def running_models() -> Iterator[Models]:
    """The service, until the block ends."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Answering)
    models = Models(f"http://127.0.0.1:{server.server_address[1]}")
    server.models = models  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield models
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Answering(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
        events = _EVENTS.get(_kind(self.path))
        if events is None:
            return self._send(404, b"{}", "application/json")
        verb, words = (_ASKED.findall(body) or [("say", "hello")])[-1]
        self.server.models.asked.append(f"{self.path.partition('?')[0]} {verb} {words}")  # type: ignore[attr-defined]
        if verb == "fail":
            return self._fail(int(words))
        wish = words if verb == "write" and not _was_written(body) else ""
        lines = "".join(map(_line, events(words, wish)))
        return self._send(200, lines.encode(), "text/event-stream")

    def do_GET(self) -> None:
        self._send(404, b"{}", "application/json")

    def do_HEAD(self) -> None:
        self.do_GET()

    def _fail(self, code: int) -> None:
        kind, message = _ERRORS[code]
        error = {"type": kind, "message": message, "code": code, "status": "UNAVAILABLE"}
        body = {"type": "error", "error": error}
        self._send(code, json.dumps(body).encode(), "application/json")

    def _send(self, code: int, body: bytes, kind: str) -> None:
        self.send_response(code)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Nothing on the terminal."""


def _line(event: dict[str, Any]) -> str:
    name = f"event: {event['type']}\n" if "type" in event else ""
    return f"{name}data: {json.dumps(event)}\n\n"


def _kind(path: str) -> str:
    if path.startswith("/v1/messages") and "count_tokens" not in path:
        return "anthropic"
    if path.startswith("/v1/responses"):
        return "openai"
    return "gemini" if "enerateContent" in path else ""


def _was_written(body: str) -> bool:
    return '"tool_result"' in body or '"functionResponse"' in body


def _anthropic(words: str, wish: str) -> list[dict[str, Any]]:
    usage = {"input_tokens": 900, "output_tokens": 1, "cache_read_input_tokens": 100,
             "cache_creation_input_tokens": 0}  # fmt: skip
    message = {"id": "msg_1", "type": "message", "role": "assistant", "content": [],
               "model": "claude-sonnet-4-5", "stop_reason": None, "stop_sequence": None,
               "usage": usage}  # fmt: skip
    block: dict[str, Any] = {"type": "text", "text": ""}
    delta = {"type": "text_delta", "text": words}
    if wish:
        block = {"type": "tool_use", "id": "toolu_1", "name": "Write", "input": {}}
        given = json.dumps({"file_path": wish, "content": "written\n"})
        delta = {"type": "input_json_delta", "partial_json": given}
    stop = {"stop_reason": "tool_use" if wish else "end_turn", "stop_sequence": None}
    return [
        {"type": "message_start", "message": message},
        {"type": "content_block_start", "index": 0, "content_block": block},
        {"type": "content_block_delta", "index": 0, "delta": delta},
        {"type": "content_block_stop", "index": 0},
        {"type": "message_delta", "delta": stop, "usage": {"output_tokens": 20}},
        {"type": "message_stop"},
    ]  # fmt: skip


def _openai(words: str, _: str) -> list[dict[str, Any]]:
    item = {"type": "message", "id": "m1", "role": "assistant", "status": "completed",
            "content": [{"type": "output_text", "text": words, "annotations": []}]}  # fmt: skip
    usage = {"input_tokens": 1000, "input_tokens_details": {"cached_tokens": 100},
             "output_tokens": 20, "output_tokens_details": {"reasoning_tokens": 5},
             "total_tokens": 1020}  # fmt: skip
    response = {"id": "r1", "object": "response", "status": "in_progress", "output": []}
    done = {**response, "status": "completed", "output": [item], "usage": usage}
    return [
        {"type": "response.created", "response": response},
        {"type": "response.output_item.done", "output_index": 0, "item": item},
        {"type": "response.completed", "response": done},
    ]


def _gemini(words: str, wish: str) -> list[dict[str, Any]]:
    said: dict[str, Any] = {"text": words}
    if wish:
        given = {"file_path": wish, "content": "written\n"}
        said = {"functionCall": {"name": "write_file", "args": given}}
    part = {"role": "model", "parts": [said]}
    usage = {"promptTokenCount": 1000, "candidatesTokenCount": 20, "totalTokenCount": 1020,
             "cachedContentTokenCount": 100}  # fmt: skip
    return [{"candidates": [{"content": part, "finishReason": "STOP", "index": 0}],
             "usageMetadata": usage, "modelVersion": "gemini-2.5-flash"}]  # fmt: skip


_EVENTS = {"anthropic": _anthropic, "openai": _openai, "gemini": _gemini}
