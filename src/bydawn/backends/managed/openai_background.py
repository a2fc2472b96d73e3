"""OpenAI's Responses API in the background. Blind: nothing lists or finds a response by its key."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from bydawn.backends.backend import Surroundings
from bydawn.backends.managed.artifacts import Artifact
from bydawn.backends.managed.endings import (
    CANCELLED,
    INCOMPLETE,
    REFUSAL,
    by_code,
    ended,
    moment,
    table,
    tables,
    with_detail,
    words,
)
from bydawn.backends.managed.meters import openai_tokens
from bydawn.backends.managed.one_call import InOneCall
from bydawn.backends.managed.openai_vendor import KINDS, OpenAIBackend
from bydawn.backends.managed.vendor import as_result, prompt_of, with_options
from bydawn.core.offers import kept_ms
from bydawn.core.sightings import (
    Alive,
    CancelAnswer,
    Capabilities,
    Failure,
    FindAnswer,
    Guarantee,
    Meter,
    Request,
    Sighting,
    Unknown,
    Usage,
)

KEY = "bydawn_key"
_MONTH_MS = 30 * 86_400_000
_LEAST_OUTPUT = 16
_OVER = frozenset({"completed", "failed", "incomplete", "cancelled"})


class OpenAIBackground(InOneCall, OpenAIBackend):
    """``model`` and ``prompt`` from the job; ``options`` of its table adds to the request (tools,
    instructions, reasoning …)."""

    name = "openai-background"

    def __init__(self, around: Surroundings) -> None:
        super().__init__(around)
        self.capabilities = Capabilities(
            guarantee=Guarantee.BLIND,
            wants_result=True,
            settle_ms=self.settle_ms,
            collects=True,
            reports=Meter.TOKENS,
            keeps_ms=kept_ms(self.options, _MONTH_MS),
        )

    def start(self, request: Request) -> str:
        body = self._body(request)
        seen = self.ask(lambda it: it.responses.with_raw_response.create(**body))
        return words(seen.get("id"))

    def find(self, request: Request) -> FindAnswer:
        return Unknown(
            "the Responses API cannot list what it runs; look for the metadata "
            f"{KEY}={request.launch_key} in OpenAI's logs before deciding"
        )

    def look(self, handle: str) -> Sighting:
        return sighting(self._response(handle))

    def cancel(self, handle: str, reason: str) -> CancelAnswer:
        del reason
        return self.ask_to_end(lambda it: it.responses.with_raw_response.cancel(handle))

    def output(self, handle: str) -> tuple[str | None, Sequence[Artifact]]:
        return answer_of(self._response(handle))[0] or None, ()

    def _response(self, handle: str) -> dict[str, Any]:
        return self.ask(lambda it: it.responses.with_raw_response.retrieve(handle))

    def _body(self, request: Request) -> dict[str, Any]:
        """``store`` always: without it some projects lose a background response in minutes."""
        body: dict[str, Any] = {
            "model": str(request.payload.get("model") or ""),
            "input": prompt_of(request),
            "background": True,
            "store": True,
            "metadata": {KEY: request.launch_key},
        }
        if request.budget_tokens is not None:
            body["max_output_tokens"] = max(_LEAST_OUTPUT, request.budget_tokens)
        return with_options(body, self.options)


def sighting(seen: Mapping[str, Any]) -> Sighting:
    """What one response, as the API shows it, says of its run."""
    raw = words(seen.get("status"))
    usage = Usage(openai_tokens(seen.get("usage")))
    if raw not in _OVER:
        output = seen.get("output")
        steps = str(len(output)) if isinstance(output, list) and output else ""
        return Alive(witness=f"{raw}/{steps}", usage=usage, raw=raw or "unknown", steps=steps)
    answer, refusal = answer_of(seen)
    return ended(
        _failure(raw, seen, answer, refusal),
        as_result(answer),
        usage,
        started_at=moment(seen.get("created_at")),
        ended_at=moment(seen.get("completed_at")),
    )


def answer_of(seen: Mapping[str, Any]) -> tuple[str, str]:
    """All text that was put out, and what the model said when it refused."""
    content = [
        part
        for item in tables(seen.get("output"))
        if item.get("type") == "message"
        for part in tables(item.get("content"))
    ]
    answer = "".join(words(one.get("text")) for one in content if one.get("type") == "output_text")
    refusal = "".join(words(one.get("refusal")) for one in content if one.get("type") == "refusal")
    return answer, refusal


def _failure(raw: str, seen: Mapping[str, Any], answer: str, refusal: str) -> Failure | None:
    if raw == "cancelled":
        return CANCELLED
    if raw == "incomplete":
        return with_detail(INCOMPLETE, words(table(seen.get("incomplete_details")).get("reason")))
    if raw == "failed":
        told = table(seen.get("error"))
        message = words(told.get("message")) or "the response failed"
        return by_code(words(told.get("code")), message, KINDS)
    return with_detail(REFUSAL, refusal) if refusal and not answer else None
