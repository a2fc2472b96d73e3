"""What the plan file promises and this version does not carry out yet: one list, to be shortened.

Refused is what a batch would wrongly rely on; warned of is what it merely goes without.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from bydawn.plan.complaints import Complaints, Path, quoted

REFUSE = "refuse"
WARN = "warn"

FUTURE_BACKENDS = frozenset(
    {
        "agy", "claude-agent", "claude-code", "cli-async", "codex", "gemini-agent", "gemini-cli",
        "http-jobs", "openai-agents", "openai-background", "ray",
    }
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Unbuilt:
    """A key that is not built and what follows where it asks for anything. ``*`` is any part."""

    path: tuple[str, ...]
    follows: str


UNBUILT: tuple[Unbuilt, ...] = (
    Unbuilt(("defaults", "workspace"), REFUSE),
    Unbuilt(("job", "*", "workspace"), REFUSE),
)


def tell_unbuilt(data: Mapping[str, Any], complaints: Complaints, warnings: Complaints) -> None:
    """Complain, or warn, about every key in ``data`` that asks for something not built."""
    for feature in UNBUILT:
        for path, value in _found(data, feature.path):
            if value:
                told = complaints if feature.follows == REFUSE else warnings
                told.add(path, "is not built yet in this version", _remedy(feature))


def tell_unbuilt_backend(name: str, path: Path, known: Collection[str], told: Complaints) -> bool:
    """Complain about a backend that will exist one day; whether it is one."""
    if name in known or name not in FUTURE_BACKENDS:
        return False
    told.add(path, f"the backend {quoted(name)} is not built yet in this version")
    return True


def _remedy(feature: Unbuilt) -> str:
    return "take it out" if feature.follows == REFUSE else "it has no effect"


def _found(data: Any, path: tuple[str, ...], done: Path = ()) -> list[tuple[Path, Any]]:
    if not path:
        return [(done, data)]
    inner: list[tuple[Any, Any]] = []
    if path[0] == "*" and isinstance(data, list):
        inner = list(enumerate(data))
    elif isinstance(data, dict) and path[0] in data:
        inner = [(path[0], data[path[0]])]
    return [each for part, value in inner for each in _found(value, path[1:], (*done, part))]
