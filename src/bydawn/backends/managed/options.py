"""What may be said of a managed agent in a table of its own, ``[backends.X]``.

Loads pydantic: only what reads or checks a plan imports this.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, WithJsonSchema

from bydawn.backends.job_tables import PollEvery
from bydawn.core.fields import Filled, Length, LengthOrZero, Table, Variable


def _address(text: str) -> str:
    if not text.startswith(("https://", "http://")):
        raise ValueError("must be an address that begins with https:// or http://")
    return text


Address = Annotated[
    str, AfterValidator(_address), WithJsonSchema({"type": "string", "pattern": "^https?://"})
]


class VendorOptions(Table):
    """``key_env`` names the variable with the key; ``settle`` is how long the vendor's listings may
    lag, ``keeps`` how long it keeps a result where you know better; ``options`` is added to the
    request as it is."""

    base_url: Address | None = None
    key_env: Variable | None = None
    timeout: Length = "30s"
    settle: LengthOrZero = "60s"
    keeps: Length | None = None
    poll_every: PollEvery = PollEvery()
    collect: list[Filled] = []
    options: dict[str, Any] = {}


class GeminiOptions(VendorOptions):
    agent: Filled = "antigravity-preview-09-2026"
    environment: Filled | dict[str, Any] = "remote"
    route: Literal["direct", "trigger"] = "direct"


class OpenAIBackgroundOptions(VendorOptions):
    pass


class OpenAIAgentsOptions(VendorOptions):
    agent: Filled | None = None
    environment: dict[str, Any] = {"type": "openai_hosted"}


class ClaudeOptions(VendorOptions):
    agent: Filled
    environment: Filled
