"""Gemini's managed agents through the Interactions API (google-genai), in the background.

Launched directly it is blind: the API has no listing and heeds no key, so a launch whose answer was
lost can neither be found nor ruled out. ``route = "trigger"`` (gemini_trigger) can find it.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from bydawn.backends.backend import Surroundings
from bydawn.backends.managed.artifacts import Artifact
from bydawn.backends.managed.endings import (
    CANCELLED,
    INCOMPLETE,
    OVER_BUDGET,
    by_code,
    ended,
    moment,
    tables,
    with_detail,
    words,
)
from bydawn.backends.managed.meters import gemini_tokens
from bydawn.backends.managed.one_call import InOneCall
from bydawn.backends.managed.troubles import Row
from bydawn.backends.managed.vendor import (
    Vendor,
    as_result,
    prompt_of,
    with_options,
)
from bydawn.core.offers import kept_ms
from bydawn.core.sightings import (
    Alive,
    CancelAnswer,
    Capabilities,
    Failure,
    FailureClass,
    FindAnswer,
    Guarantee,
    Meter,
    Request,
    Sighting,
    Unknown,
    Usage,
)

DEFAULT_AGENT = "antigravity-preview-09-2026"
DAY_MS = 86_400_000
LABEL = "bydawn"
_CAPPED = "antigravity"
_GOOGLES = ("antigravity-", "deep-research-")
_ROOT = "workspace/"
_PAGE = 500

GOOGLE = Vendor(
    package="google-genai",
    module="google.genai",
    extra="gemini",
    keys=("GEMINI_API_KEY", "GOOGLE_API_KEY"),
    base_urls=("GOOGLE_GEMINI_BASE_URL",),
    rows=(
        # Google's word that it took nothing on; any other 503 may come from half-way.
        Row(503, FailureClass.TRANSIENT, "overloaded", ("unavailable", "overloaded")),
        Row(429, FailureClass.HELD, "quota", ("perday",)),
        Row(429, FailureClass.AUTH, "billing", ("billing",)),
        Row(400, FailureClass.AUTH, "key_refused", ("api_key_invalid",)),
        Row(400, FailureClass.AUTH, "key_refused", ("api key not valid",)),
        Row(400, FailureClass.AUTH, "key_refused", ("api key expired",)),
        Row(400, FailureClass.AUTH, "forbidden", ("failed_precondition", "billing")),
    ),
)
_FATAL = ("invalid_argument", "permission_denied", "not_found", "safety", "blocked", "prohibited")
_ENDINGS: Mapping[str, Failure | None] = {
    "completed": None,
    "incomplete": INCOMPLETE,
    "requires_continuation": INCOMPLETE,
    "budget_exceeded": OVER_BUDGET,
    "cancelled": CANCELLED,
}


class GeminiAgent(InOneCall):
    """``agent`` (the current Antigravity agent) and ``environment`` ("remote") from its table;
    ``model`` and ``prompt`` from the job."""

    name = "gemini-agent"
    vendor = GOOGLE
    guarantee = Guarantee.BLIND

    def __init__(self, around: Surroundings) -> None:
        super().__init__(around)
        self.agent = str(self.options.get("agent", DEFAULT_AGENT))
        self.capabilities = Capabilities(
            guarantee=self.guarantee,
            default_effects="none",
            wants_result=True,
            settle_ms=self.settle_ms,
            collects=True,
            reports=Meter.TOKENS,
            caps=frozenset({"tokens"} if self.agent.startswith(_CAPPED) else ()),
            # A day on the free tier, 55 on the paid one: nothing tells which one a key has.
            keeps_ms=kept_ms(self.options, DAY_MS),
        )

    def open_client(self, key: str, base_url: str | None, http: Any) -> Any:
        from google import genai
        from google.genai import types

        warnings.filterwarnings("ignore", "(Triggers|Environments|Agents) usage is experimental")
        return genai.Client(
            api_key=key,
            vertexai=False,
            http_options=types.HttpOptions(
                base_url=base_url,
                httpx_client=http,
                timeout=self.patience_ms,
                retry_options=types.HttpRetryOptions(attempts=1),
            ),
        )

    def start(self, request: Request) -> str:
        body = self.interaction(request)
        seen = self.ask(lambda it: it.interactions.with_raw_response.create(**body))
        return words(seen.get("id"))

    def find(self, request: Request) -> FindAnswer:
        return Unknown(
            "the Interactions API cannot list what it runs; before deciding, look in the console "
            f'for the label {LABEL}={request.launch_key}; route = "trigger" spares one this'
        )

    def look(self, handle: str) -> Sighting:
        return sighting(self.interaction_of(handle))

    def cancel(self, handle: str, reason: str) -> CancelAnswer:
        del reason
        return self.ask_to_end(lambda it: it.interactions.with_raw_response.cancel(id=handle))

    def output(self, handle: str) -> tuple[str | None, Sequence[Artifact]]:
        seen = self.interaction_of(handle)
        return answer_of(seen) or None, tuple(self._files(words(seen.get("environment_id"))))

    def questions(self, model: str | None) -> Iterator[Callable[[Any], Any]]:
        """Google's own agents cannot be asked for, models and one's own agents can."""
        if model:
            yield lambda it: it.models.get(model=model)
        else:
            yield lambda it: it.models.list(config={"page_size": 1})
        if not self.agent.startswith(_GOOGLES):
            yield lambda it: it.agents.with_raw_response.get(id=self.agent)

    def interaction_of(self, handle: str) -> dict[str, Any]:
        return self.ask(lambda it: it.interactions.with_raw_response.get(id=handle))

    def interaction(self, request: Request) -> dict[str, Any]:
        """The body of a launch. Deep research has no sandbox to speak of."""
        settings = self._settings(request)
        sandbox = None if self.agent.startswith("deep-research-") else "remote"
        environment = self.options.get("environment", sandbox)
        body = {
            "agent": self.agent,
            "input": prompt_of(request),
            "background": True,
            "store": True,
            "labels": {LABEL: request.launch_key},
            **({"environment": environment} if environment else {}),
            **({"agent_config": settings} if settings else {}),
        }
        return with_options(body, self.options)

    def _settings(self, request: Request) -> dict[str, Any]:
        """What only Antigravity agents take: the model, and the most tokens a run may use."""
        if not self.agent.startswith(_CAPPED):
            return {}
        settings: dict[str, Any] = {}
        if request.payload.get("model"):
            settings["model"] = str(request.payload["model"])
        if request.budget_tokens is not None:
            settings["max_total_tokens"] = max(1, request.budget_tokens)
        return {"type": _CAPPED, **settings} if settings else {}

    def _files(self, environment: str) -> Iterator[Artifact]:
        if not environment:
            return
        for seen in self.pages(
            lambda it, **page: it.environments.files.with_raw_response.list(
                environment=environment, path="", recursive=True, page_size=_PAGE, **page
            ),
            next_token,
        ):
            for one in tables(seen.get("files")):
                path = words(one.get("path"))
                if one.get("type") != "directory" and path:
                    yield self._artifact(environment, path, one.get("size_bytes"))

    def _artifact(self, environment: str, path: str, size: Any) -> Artifact:
        def read() -> bytes:
            return self.read(
                lambda it: it.environments.files.download(environment=environment, path=path)
            )

        whole = int(size) if str(size).isdecimal() else 0
        return Artifact(path.removeprefix("/").removeprefix(_ROOT), whole, read)


def next_token(seen: Mapping[str, Any]) -> dict[str, str]:
    """What turns the page of a listing of Google's; nothing on the last one."""
    token = words(seen.get("next_page_token"))
    return {"page_token": token} if token else {}


def sighting(seen: Mapping[str, Any]) -> Sighting:
    """What one interaction, as the API shows it, says of its run."""
    raw = words(seen.get("status"))
    usage = Usage(gemini_tokens(seen.get("usage")))
    if raw not in _ENDINGS and raw != "failed":
        return _alive(raw, seen, usage)
    failure = _failure(seen) if raw == "failed" else _ENDINGS[raw]
    return ended(
        failure,
        as_result(answer_of(seen)),
        usage,
        started_at=moment(seen.get("created")),
        ended_at=moment(seen.get("updated")),
    )


def answer_of(seen: Mapping[str, Any]) -> str:
    """The text of the last output: what the SDK calls ``output_text``."""
    parts: list[str] = []
    for step in reversed(tables(seen.get("steps"))):
        if step.get("type") == "user_input":
            break
        if step.get("type") == "model_output":
            content = tables(step.get("content"))
            parts[:0] = [words(one.get("text")) for one in content if one.get("type") == "text"]
        elif parts and step.get("type") != "thought":
            break
    return "".join(parts)


def _alive(raw: str, seen: Mapping[str, Any], usage: Usage) -> Alive:
    steps = seen.get("steps")
    taken = str(len(steps)) if isinstance(steps, list) and steps else ""
    return Alive(
        witness=f"{seen.get('updated')}/{taken}/{sum(usage.tokens.values())}",
        usage=usage,
        needs_input="the agent waits for an answer" if raw == "requires_action" else None,
        raw=raw or "unknown",
        steps=taken,
    )


def _failure(seen: Mapping[str, Any]) -> Failure:
    first = next(iter(tables(seen.get("errors"))), {})
    code = words(first.get("code")).rpartition("/")[2]
    message = words(first.get("message")) or "the interaction failed"
    if any(word in f"{code} {message}".lower() for word in _FATAL):
        return Failure(FailureClass.PERMANENT, code or "failed", message)
    return with_detail(by_code(code, "the interaction failed", {}), message)
