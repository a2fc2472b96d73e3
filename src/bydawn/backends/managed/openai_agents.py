"""OpenAI's Agents API: an empty session is reserved, then one message with a key starts it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from bydawn.backends.backend import Surroundings
from bydawn.backends.managed.artifacts import Artifact
from bydawn.backends.managed.endings import (
    CANCELLED,
    OVER_BUDGET,
    by_code,
    ended,
    moment,
    table,
    tables,
    words,
)
from bydawn.backends.managed.meters import openai_cost_micros, openai_tokens
from bydawn.backends.managed.openai_background import KEY
from bydawn.backends.managed.openai_vendor import KINDS, OpenAIBackend
from bydawn.backends.managed.troubles import Trouble, Troubled
from bydawn.backends.managed.two_phase import InContainer
from bydawn.backends.managed.vendor import as_result, cents_of, prompt_of, with_options
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

_PAGE = 100
_NOBODY = Failure(
    FailureClass.PERMANENT, "no_agent", "say model in the job, or agent in the backend's table"
)
_BUDGETS = frozenset({"session_budget_exceeded"})
_OVER = frozenset({"completed", "failed", "cancelled"})


class OpenAIAgents(InContainer, OpenAIBackend):
    """``agent`` (the id of a saved one) and ``environment`` (hosted by OpenAI) from its table;
    ``model`` and ``prompt`` from the job. A handle is the session."""

    name = "openai-agents"

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

    def questions(self, model: str | None) -> Iterator[Callable[[Any], Any]]:
        yield from super().questions(model)
        saved = self.options.get("agent")
        if saved:
            yield lambda it: it.beta.agents.with_raw_response.retrieve(str(saved))

    def make(self, request: Request) -> str:
        body = self._session(request)
        if not ("agent" in body or "agent_id" in body):
            raise Troubled(Trouble(_NOBODY, is_definite=True))
        seen = self.ask(lambda it: it.beta.agents.sessions.with_raw_response.create(**body))
        return words(seen.get("id"))

    def start(self, request: Request) -> str:
        """The key makes a second message of the same launch the same message."""
        session, event = request.container, _message(prompt_of(request))
        self.tell(
            lambda it: it.beta.agents.sessions.events.with_raw_response.create(
                session, events=[event], idempotency_key=request.launch_key
            )
        )
        return session

    def started(self, container: str) -> str:
        return container if self._turn(container) else ""

    def look(self, handle: str) -> Sighting:
        """The turn tells how it went; the session what it cost and what it waits for."""
        session = self.ask(lambda it: it.beta.agents.sessions.with_raw_response.retrieve(handle))
        usage = Usage(openai_tokens(session.get("usage")), openai_cost_micros(session))
        if words(session.get("status")) in ("in_progress", "requires_action"):
            return _alive(session, usage)
        turn = self._turn(handle)
        if words(turn.get("status")) in _OVER:
            return self._ending(handle, turn, usage)
        if words(session.get("status")) == "failed":
            message = words(session.get("error")) or "the session failed"
            return ended(by_code("session_failed", message, {}), None, usage)
        return _alive(session, usage)

    def cancel(self, handle: str, reason: str) -> CancelAnswer:
        del reason
        events = [{"type": "agent.session.input.cancel"}]
        return self.ask_to_end(
            lambda it: it.beta.agents.sessions.events.with_raw_response.create(
                handle, events=events
            )
        )

    def output(self, handle: str) -> tuple[str | None, Sequence[Artifact]]:
        return self._answer(handle) or None, tuple(self._artifacts(handle))

    def _session(self, request: Request) -> dict[str, Any]:
        model = request.payload.get("model")
        saved = self.options.get("agent")
        cents = cents_of(request.budget_usd_micros)
        body = {
            "environment": self.options.get("environment", {"type": "openai_hosted"}),
            "metadata": {KEY: request.launch_key},
            **({"agent_id": str(saved)} if saved else {}),
            **({"agent": {"model": str(model)}} if model else {}),
            **({"spend_control": {"limit": cents}} if cents else {}),
        }
        return with_options(body, self.options)

    def _turn(self, session: str) -> Mapping[str, Any]:
        """The session's only turn; empty as long as there is none."""
        seen = self.ask(
            lambda it: it.beta.agents.sessions.turns.with_raw_response.list(
                session, order="asc", limit=1
            )
        )
        return next(iter(tables(seen.get("data"))), {})

    def _ending(self, handle: str, turn: Mapping[str, Any], usage: Usage) -> Sighting:
        tokens = openai_tokens(turn.get("usage")) or usage.tokens
        return ended(
            failure_of(turn),
            as_result(self._answer(handle)),
            Usage(tokens, usage.cost_micros),
            started_at=moment(turn.get("started_at")),
            ended_at=moment(turn.get("completed_at")),
        )

    def _answer(self, session: str) -> str:
        """The last message of the agent, its final answer where it names one."""
        seen = self.ask(
            lambda it: it.beta.agents.sessions.items.with_raw_response.list(
                session, order="desc", limit=_PAGE
            )
        )
        messages = [
            item
            for item in tables(seen.get("data"))
            if item.get("type") == "message" and item.get("role") == "assistant"
        ]
        final = [item for item in messages if item.get("phase") == "final_answer"]
        chosen = next(iter(final or messages), {})
        return "".join(words(part.get("text")) for part in tables(chosen.get("content")))

    def _artifacts(self, session: str) -> Iterator[Artifact]:
        for seen in self.pages(
            lambda it, **after: it.beta.agents.sessions.artifacts.with_raw_response.list(
                session, order="asc", limit=_PAGE, **after
            ),
            _after,
        ):
            yield from (self._artifact(session, one) for one in tables(seen.get("data")))

    def _artifact(self, session: str, one: Mapping[str, Any]) -> Artifact:
        def read() -> bytes:
            return self.read(
                lambda it: it.beta.agents.sessions.artifacts.with_raw_response.content(
                    words(one.get("id")), session_id=session
                )
            )

        size = one.get("size_bytes")
        name = words(one.get("path")).lstrip("/").removeprefix("workspace/")
        return Artifact(name, size if isinstance(size, int) else 0, read)


def _after(seen: Mapping[str, Any]) -> dict[str, str]:
    """What turns the page: the last thing on it, where there is more."""
    page = tables(seen.get("data"))
    return {"after": words(page[-1].get("id"))} if seen.get("has_more") and page else {}


def _message(prompt: str) -> dict[str, Any]:
    content = [{"type": "input_text", "text": prompt}]
    message = {"type": "message", "role": "user", "content": content}
    return {"type": "agent.session.input.message", "input": [message]}


def _alive(session: Mapping[str, Any], usage: Usage) -> Alive:
    raw = words(session.get("status"))
    asked = tables(session.get("required_actions"))
    kinds = ", ".join(sorted({words(one.get("type")) for one in asked})) or "an action"
    return Alive(
        witness=f"{session.get('last_active_at')}/{sum(usage.tokens.values())}",
        usage=usage,
        needs_input=f"the agent waits for: {kinds}" if raw == "requires_action" else None,
        raw=raw or "unknown",
    )


def failure_of(turn: Mapping[str, Any]) -> Failure | None:
    raw = words(turn.get("status"))
    if raw == "completed":
        return None
    if raw == "cancelled":
        return CANCELLED
    told = table(turn.get("error"))
    if words(told.get("code")) in _BUDGETS:
        return OVER_BUDGET
    return by_code(words(told.get("code")), words(told.get("message")) or "the turn failed", KINDS)
