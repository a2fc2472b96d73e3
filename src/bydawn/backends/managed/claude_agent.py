"""Claude's managed agents: an empty session is reserved, then one message starts it.

A session never ends by itself; it becomes idle, and the reason of its last stop tells how it went.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from bydawn.backends.backend import Surroundings
from bydawn.backends.managed.artifacts import Artifact
from bydawn.backends.managed.endings import (
    CANCELLED,
    OVER_BUDGET,
    REFUSAL,
    by_code,
    ended,
    moment,
    table,
    tables,
    words,
)
from bydawn.backends.managed.meters import claude_cost_micros, claude_tokens
from bydawn.backends.managed.troubles import Row
from bydawn.backends.managed.two_phase import InContainer
from bydawn.backends.managed.vendor import Vendor, as_result, cents_of, prompt_of, with_options
from bydawn.core.offers import kept_ms
from bydawn.core.sightings import (
    Alive,
    CancelAnswer,
    Capabilities,
    Failure,
    FailureClass,
    Guarantee,
    Meter,
    Request,
    Sighting,
    Usage,
)

KEY = "bydawn_key"
_PAGE = 100
_OURS, _IDLE = "user.message", "session.status_idle"
_INTERRUPT, _SAID, _ERROR = "user.interrupt", "agent.message", "session.error"
_KINDS: Mapping[str, FailureClass] = {
    "billing_error": FailureClass.AUTH,
    "mcp_authentication_failed_error": FailureClass.AUTH,
    "repository_authentication_error": FailureClass.AUTH,
    "repository_forbidden_error": FailureClass.AUTH,
    "repository_not_found_error": FailureClass.PERMANENT,
    "repository_checkout_error": FailureClass.PERMANENT,
    "compaction_limit_reached_error": FailureClass.PERMANENT,
    "tool_use_limit_reached_error": FailureClass.PERMANENT,
    "model_rate_limited_error": FailureClass.HELD,
}

ANTHROPIC = Vendor(
    package="anthropic",
    module="anthropic",
    extra="claude",
    keys=("ANTHROPIC_API_KEY",),
    base_urls=("ANTHROPIC_BASE_URL",),
    rows=(
        # Anthropic's word for "not now": the request was turned away at the door.
        Row(529, FailureClass.TRANSIENT, "overloaded", ("overloaded_error",)),
        Row(409, FailureClass.PERMANENT, "refused", ("invalid_request_error",)),
        Row(400, FailureClass.AUTH, "billing", ("credit balance",)),
        Row(429, FailureClass.AUTH, "billing", ("billing_error",)),
    ),
)


class ClaudeAgent(InContainer):
    """``agent`` and ``environment`` (ids) from its table; ``prompt`` from the job, and ``model``
    where it is another than the agent's. A handle is the session."""

    name = "claude-agent"
    vendor = ANTHROPIC

    def __init__(self, around: Surroundings) -> None:
        super().__init__(around)
        self.capabilities = Capabilities(
            guarantee=Guarantee.TWO_PHASE,
            default_effects="none",
            wants_result=True,
            settle_ms=self.settle_ms,
            collects=True,
            reports=Meter.USD,
            caps=frozenset({"usd"}),
            keeps_ms=kept_ms(self.options),
        )

    def open_client(self, key: str, base_url: str | None, http: Any) -> Any:
        import anthropic

        return anthropic.Anthropic(**self.client_terms(key, base_url, http))

    def questions(self, model: str | None) -> Iterator[Callable[[Any], Any]]:
        agent, environment = self.options.get("agent"), self.options.get("environment")
        yield lambda it: it.beta.agents.with_raw_response.retrieve(str(agent))
        yield lambda it: it.beta.environments.with_raw_response.retrieve(str(environment))
        if model:
            yield lambda it: it.models.with_raw_response.retrieve(model)

    def make(self, request: Request) -> str:
        body = self._session(request)
        seen = self.ask(lambda it: it.beta.sessions.with_raw_response.create(**body))
        return words(seen.get("id"))

    def start(self, request: Request) -> str:
        session = request.container
        event = {"type": _OURS, "content": [{"type": "text", "text": prompt_of(request)}]}
        self.tell(
            lambda it: it.beta.sessions.events.with_raw_response.send(session, events=[event])
        )
        return session

    def started(self, container: str) -> str:
        return container if self._events(container, (_OURS,), 1) else ""

    def look(self, handle: str) -> Sighting:
        session = self.ask(lambda it: it.beta.sessions.with_raw_response.retrieve(handle))
        if words(session.get("status")) not in ("idle", "terminated"):
            return _alive(session)
        told = self._events(handle, (_IDLE, _INTERRUPT, _SAID, _ERROR), _PAGE)
        return sighting(session, told)

    def cancel(self, handle: str, reason: str) -> CancelAnswer:
        del reason
        return self.ask_to_end(
            lambda it: it.beta.sessions.events.with_raw_response.send(
                handle, events=[{"type": _INTERRUPT}]
            )
        )

    def output(self, handle: str) -> tuple[str | None, Sequence[Artifact]]:
        answer = answer_of(self._events(handle, (_SAID,), 1))
        return answer or None, tuple(self._files(handle))

    def _session(self, request: Request) -> dict[str, Any]:
        agent: Any = str(self.options.get("agent", ""))
        if request.payload.get("model"):
            model = str(request.payload["model"])
            agent = {"type": "agent_with_overrides", "id": agent, "model": model}
        cents = cents_of(request.budget_usd_micros)
        cost = {"amount": str(cents), "currency": "USD"}
        body = {
            "agent": agent,
            "environment_id": str(self.options.get("environment", "")),
            "metadata": {KEY: request.launch_key},
            "title": request.job[:200],
            **({"budget": {"type": "limit", "max_list_cost": cost}} if cents else {}),
        }
        return with_options(body, self.options)

    def _events(self, session: str, types: tuple[str, ...], most: int) -> list[Mapping[str, Any]]:
        """The newest events of these types, the newest first."""
        seen = self.ask(
            lambda it: it.beta.sessions.events.with_raw_response.list(
                session, types=list(types), order="desc", limit=most
            )
        )
        return tables(seen.get("data"))

    def _files(self, session: str) -> Iterator[Artifact]:
        for seen in self.pages(
            lambda it, **page: it.beta.files.with_raw_response.list(
                scope_id=session, limit=_PAGE, **page
            ),
            _next_page,
        ):
            made = (one for one in tables(seen.get("data")) if one.get("downloadable") is not False)
            yield from map(self._artifact, made)

    def _artifact(self, one: Mapping[str, Any]) -> Artifact:
        def read() -> bytes:
            return self.read(
                lambda it: it.beta.files.with_raw_response.download(words(one.get("id")))
            )

        size = one.get("size_bytes")
        return Artifact(words(one.get("filename")), size if isinstance(size, int) else 0, read)


def _next_page(seen: Mapping[str, Any]) -> dict[str, str]:
    page = words(seen.get("next_page"))
    return {"page": page} if page else {}


def sighting(session: Mapping[str, Any], told: Sequence[Mapping[str, Any]]) -> Sighting:
    """What a session that does not work any more says of its run. ``told`` is newest first."""
    stop = _first(told, _IDLE)
    is_terminated = session.get("status") == "terminated" or bool(session.get("archived_at"))
    if not stop and not is_terminated:
        return _alive(session)
    reason = words(table(stop.get("stop_reason")).get("type"))
    if reason == "requires_action" and not is_terminated:
        return _alive(session, "the agent waits for a confirmation or a tool's result")
    return ended(
        _failure(session, told, reason),
        as_result(answer_of(told)),
        _usage(session),
        started_at=moment(session.get("created_at")),
        ended_at=moment(stop.get("processed_at") or session.get("updated_at")),
    )


def answer_of(told: Sequence[Mapping[str, Any]]) -> str:
    """The text of the agent's last message."""
    content = tables(_first(told, _SAID).get("content"))
    return "".join(words(part.get("text")) for part in content if part.get("type") == "text")


def _failure(
    session: Mapping[str, Any], told: Sequence[Mapping[str, Any]], reason: str
) -> Failure | None:
    if reason == "end_turn" and not _came_after(told, _INTERRUPT) and not _broke_after(told):
        return None
    if session.get("archived_at") or _came_after(told, _INTERRUPT):
        return CANCELLED
    if reason == "budget_reached":
        return OVER_BUDGET
    if reason == "refusal":
        return REFUSAL
    said = table(_first(told, _ERROR).get("error"))
    message = words(said.get("message")) or f"the session stopped: {reason or 'terminated'}"
    return by_code(words(said.get("type")) or reason or "terminated", message, _KINDS)


def _came_after(told: Sequence[Mapping[str, Any]], cause: str) -> bool:
    """Whether the last stop came after such an event; one that came too late changed nothing."""
    kinds = [words(one.get("type")) for one in told]
    return cause in kinds and _IDLE in kinds and kinds.index(_IDLE) < kinds.index(cause)


def _broke_after(told: Sequence[Mapping[str, Any]]) -> bool:
    """Whether an error is newer than the last stop."""
    kinds = [words(one.get("type")) for one in told]
    return _ERROR in kinds and kinds.index(_ERROR) < kinds.index(_IDLE)


def _alive(session: Mapping[str, Any], asked: str | None = None) -> Alive:
    usage = _usage(session)
    return Alive(
        witness=f"{session.get('updated_at')}/{sum(usage.tokens.values())}",
        usage=usage,
        needs_input=asked,
        raw=words(session.get("status")) or "unknown",
    )


def _usage(session: Mapping[str, Any]) -> Usage:
    usage = session.get("usage")
    return Usage(claude_tokens(usage), claude_cost_micros(usage))


def _first(told: Sequence[Mapping[str, Any]], kind: str) -> Mapping[str, Any]:
    return next((one for one in told if one.get("type") == kind), {})
