"""The four backends of managed agents, each with its real SDK over a fake on a loopback port."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from bydawn.backends.backend import Backend, Surroundings
from bydawn.backends.managed.claude_agent import ClaudeAgent
from bydawn.backends.managed.gemini import GeminiAgent
from bydawn.backends.managed.gemini_trigger import GeminiTriggered
from bydawn.backends.managed.openai_agents import OpenAIAgents
from bydawn.backends.managed.openai_background import OpenAIBackground
from bydawn.core.sightings import LaunchAnswer, Launched, Request, Reserved
from bydawn.testing.fakes import anthropic, gemini, openai
from bydawn.testing.fakes.frame import Answer, Asked
from bydawn.testing.fakes.lives import Life, Lives
from bydawn.testing.virtual import HandWoundClock
from loopback import Fault, Loopback, serving

KEY = "k-secret-1234567890"


@dataclass(frozen=True)
class Kind:
    """One backend: how it is made, its fake, and the request that is its launch."""

    name: str
    make: Callable[[Surroundings], Backend]
    fake: Callable[..., Any]
    trouble: Callable[[str], Answer]
    variable: str
    launches: tuple[str, str]
    reserves: tuple[str, str] | None = None
    version: str = "/v1"
    options: Mapping[str, Any] | None = None

    def is_launch(self, asked: Asked) -> bool:
        return asked.method == self.launches[0] and asked.path.endswith(self.launches[1])

    def is_reserve(self, asked: Asked) -> bool:
        wanted = self.reserves
        return bool(wanted) and asked.method == wanted[0] and asked.path.endswith(wanted[1])


GEMINI = Kind(
    "gemini-agent", GeminiAgent, gemini.GeminiFake, gemini.trouble, "GEMINI_API_KEY",
    ("POST", "/interactions"), version="",
)  # fmt: skip
TRIGGERED = Kind(
    "gemini-agent by trigger", GeminiTriggered, gemini.GeminiFake, gemini.trouble,
    "GEMINI_API_KEY", ("POST", "/executions"), ("POST", "/triggers"), version="",
    options={"route": "trigger"},
)  # fmt: skip
BACKGROUND = Kind(
    "openai-background", OpenAIBackground, openai.OpenAIFake, openai.trouble, "OPENAI_API_KEY",
    ("POST", "/responses"),
)  # fmt: skip
AGENTS = Kind(
    "openai-agents", OpenAIAgents, openai.OpenAIFake, openai.trouble, "OPENAI_API_KEY",
    ("POST", "/events"), ("POST", "/sessions"),
)  # fmt: skip
CLAUDE = Kind(
    "claude-agent", ClaudeAgent, anthropic.AnthropicFake, anthropic.trouble, "ANTHROPIC_API_KEY",
    ("POST", "/events"), ("POST", "/sessions"), version="",
    options={"agent": "agent_1", "environment": "env_1"},
)  # fmt: skip
KINDS = (GEMINI, TRIGGERED, BACKGROUND, AGENTS, CLAUDE)
TWO_PHASE = tuple(kind for kind in KINDS if kind.reserves)
BLIND = tuple(kind for kind in KINDS if not kind.reserves)


@dataclass
class Stage:
    """A backend, the fake it talks to, and the clock that both go by."""

    kind: Kind
    backend: Backend
    lives: Lives
    loopback: Loopback
    clock: HandWoundClock

    def launch(self, wanted: Request) -> LaunchAnswer:
        """As the runner does it: in a reserved container where there is one."""
        if self.kind.reserves and not wanted.container:
            reserved = self.backend.reserve(wanted)
            assert isinstance(reserved, Reserved), reserved
            wanted = replace(wanted, container=reserved.container)
        return self.backend.launch(wanted)

    def handle(self, wanted: Request) -> str:
        answer = self.launch(wanted)
        assert isinstance(answer, Launched), answer
        return answer.handle

    def trip(self, wants: Callable[[Asked], bool], fault: Fault, times: int = 1) -> None:
        """The next requests of this sort come to grief."""
        left = [times]

        def trip(asked: Asked) -> Fault | None:
            if left[0] > 0 and wants(asked):
                left[0] -= 1
                return fault
            return None

        self.loopback.trip = trip


@contextlib.contextmanager
def staged(
    kind: Kind,
    plan: Callable[[str], Life] = lambda _: Life(),
    *,
    key: str = KEY,
    clock: HandWoundClock | None = None,
    **options: Any,
) -> Iterator[Stage]:
    """A stage, until the end of the block."""
    clock = clock or HandWoundClock()
    lives = Lives(clock.utc_ms, plan)
    with serving(kind.fake(lives, frozenset({KEY}))) as loopback:
        table = {"base_url": loopback.url + kind.version, "timeout": "2s"}
        around = Surroundings(
            environment={kind.variable: key},
            clock=clock,
            runs=None,  # type: ignore[arg-type]
            options={**table, **(kind.options or {}), **options},
        )
        backend = kind.make(around)
        try:
            yield Stage(kind, backend, lives, loopback, clock)
        finally:
            backend.close()
