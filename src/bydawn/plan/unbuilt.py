"""Backends the plan file promises and this version does not have yet: one list, to be shortened."""

from __future__ import annotations

from collections.abc import Collection

from bydawn.plan.complaints import Complaints, Path, quoted

FUTURE_BACKENDS = frozenset({"claude-agent", "gemini-agent", "openai-agents", "openai-background"})


def tell_unbuilt_backend(name: str, path: Path, known: Collection[str], told: Complaints) -> bool:
    """Complain about a backend that will exist one day; whether it is one."""
    if name in known or name not in FUTURE_BACKENDS:
        return False
    told.add(path, f"the backend {quoted(name)} is not built yet in this version")
    return True
